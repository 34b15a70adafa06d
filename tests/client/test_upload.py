import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cosignal.client.exposures import find_exposures
from cosignal.client.folders import Folder
from cosignal.client.follower import Follower
from cosignal.client.sources import HttpSource, new_session
from cosignal.client.store import Store
from cosignal.client.upload import (
    MAX_TEXT,
    NO_CODE,
    REQUEST_BYTES,
    Step,
    UploadClient,
    UploadRefusedError,
)
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.errors import RefusedError, UnavailableError
from cosignal.protocol.notes import parse_note
from tests.client.test_exposures import heard
from tests.network_in_memory import sample_keys
from tests.server.authorities import authorities
from tests.server.desk import Desk
from tests.strategies import NOW, counted_entropy


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A real node of a network with one authority."""
    async with authorities(tmp_path, 1) as network:
        await network.start(1)
        yield Desk(network, 1)


def client_of(desk: Desk, **changes: str) -> UploadClient:
    fields = {
        "api_key": desk.api_key("device"),
        "health_authority": desk.authority,
    } | changes
    return UploadClient(
        desk.network.session,
        desk.network.url(1),
        entropy=counted_entropy("phone"),
        **fields,
    )


async def code_from(desk: Desk) -> str:
    answer = await desk.issue(symptomDate="2025-11-21")
    return str(answer.json["code"])


async def test_a_phone_uploads_with_a_code_and_others_are_warned(
    desk: Desk, tmp_path: Path
) -> None:
    keys = sample_keys(6)

    done = await client_of(desk).upload(await code_from(desk), keys)

    assert done.inserted == 6
    assert done.receipt is not None
    assert b"cosignal/receipt/v1" in parse_note(done.receipt.encode()).text
    await desk.network.ready(1)
    await desk.network.reach(2)
    assert await desk.network.ledger(1).sealer.seal_now()
    await desk.network.reach(3)
    async with HttpSource(desk.network.url(1)) as source:
        with Store(Folder(tmp_path / "phone"), desk.network.policy) as store:
            await Follower(store, source).sync(NOW)
            found = find_exposures(store, heard((keys[2], 3)))
    assert [item.interval for item in found] == [keys[2].start + 3]


async def test_a_code_works_once(desk: Desk) -> None:
    code = await code_from(desk)
    await client_of(desk).upload(code, sample_keys(3))

    with pytest.raises(UploadRefusedError) as caught:
        await client_of(desk).upload(code, sample_keys(3))

    assert (caught.value.status, caught.value.code) == (400, "code_invalid")
    assert code not in str(caught.value)


async def test_a_certificate_is_good_for_its_own_keys_only(desk: Desk) -> None:
    client = client_of(desk)
    token = await client.redeem(await code_from(desk))
    certificate = await client.certify(token, bytes(32))

    with pytest.raises(UploadRefusedError) as caught:
        await client.publish(certificate, bytes(32), [])

    assert caught.value.status in (400, 401)


async def test_a_wrong_app_key_is_refused(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="401"):
        await client_of(desk, api_key="not the key").redeem("12345678")


async def test_an_absent_node_is_unavailable() -> None:
    async with new_session() as session:
        client = UploadClient(
            session,
            "http://127.0.0.1:1",
            api_key="",
            health_authority="",
            entropy=counted_entropy(),
        )
        with pytest.raises(UnavailableError, match="api/verify"):
            await client.upload("12345678", sample_keys(1))


#: Answers every step.
GOOD = {"token": "t", "certificate": "c", "insertedExposures": 1}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def upload_to(handler: Handler, keys: list[DiagnosisKey]) -> None:
    app = web.Application()
    app.router.add_post("/{path:.*}", handler)
    async with (
        TestServer(app, host="127.0.0.1") as server,
        aiohttp.ClientSession() as session,
    ):
        client = UploadClient(
            session,
            str(server.make_url("/")),
            api_key="key",
            health_authority="authority",
            entropy=counted_entropy(),
        )
        await client.upload("12345678", keys)


@pytest.mark.parametrize("count", [1, 14, 30])
@pytest.mark.parametrize("length", [700, MAX_TEXT])
async def test_every_request_has_one_size_whatever_it_carries(
    count: int, length: int
) -> None:
    sizes: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        sizes.append(len(await request.read()))
        return web.json_response(
            GOOD | {"token": "t" * length, "certificate": "c" * length}
        )

    await upload_to(answer, sample_keys(count))

    assert sizes == [REQUEST_BYTES] * 3


async def test_an_answer_in_another_language_is_unavailable() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<html>Welcome to this hotel")

    with pytest.raises(UnavailableError, match="JSON"):
        await upload_to(answer, sample_keys(1))


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_node_asks_for_patience(status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="?")

    with pytest.raises(UploadRefusedError) as caught:
        await upload_to(answer, sample_keys(1))

    assert "later" in caught.value.advice


@pytest.mark.parametrize("missing", list(GOOD))
async def test_an_answer_without_what_it_is_for_is_unavailable(missing: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({k: v for k, v in GOOD.items() if k != missing})

    with pytest.raises(UnavailableError, match="got another answer"):
        await upload_to(answer, sample_keys(1))


async def test_a_server_that_leaves_zero_out_is_understood() -> None:
    async def answer(_: web.Request) -> web.Response:
        zero = {"insertedExposures": None, "revisionToken": "r"}
        return web.json_response(GOOD | zero)

    await upload_to(answer, sample_keys(1))


async def test_an_answer_in_several_pieces_is_read_whole() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"token": "t",', b'"certificate": "c","insertedExposures":1}'):
            await response.write(piece)
            await asyncio.sleep(0.01)
        return response

    await upload_to(answer, sample_keys(1))


async def test_an_answer_that_never_ends_is_unavailable() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(4096))

    with pytest.raises(UnavailableError, match="at most"):
        await upload_to(endless, sample_keys(1))


async def test_an_answer_nested_without_end_is_unavailable() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b'{"x":' + b"[" * 50_000)

    with pytest.raises(UnavailableError, match="JSON"):
        await upload_to(answer, sample_keys(1))


async def test_a_code_is_not_carried_on_to_another_address() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    with pytest.raises(UploadRefusedError, match="307"):
        await upload_to(answer, sample_keys(1))

    assert asked == ["/api/verify"]


async def test_a_refusal_shows_nothing_but_an_error_code() -> None:
    async def echo(request: web.Request) -> web.Response:
        sent = (await request.json())["code"]
        return web.json_response({"errorCode": f"\x1b[2J{sent}"}, status=400)

    with pytest.raises(UploadRefusedError) as caught:
        await upload_to(echo, sample_keys(1))

    assert "12345678" not in str(caught.value)
    assert caught.value.code == NO_CODE


async def test_a_long_code_of_letters_is_not_taken_for_an_error_code() -> None:
    async def echo(_: web.Request) -> web.Response:
        return web.json_response({"errorCode": "abcdefghijklmnop"}, status=400)

    with pytest.raises(UploadRefusedError) as caught:
        await upload_to(echo, sample_keys(1))

    assert caught.value.code == NO_CODE


@pytest.mark.parametrize(
    "code",
    [
        "unauthorized",
        "code_invalid",
        "health_authority_verification_certificate_invalid",
    ],
)
async def test_the_authoritys_error_code_is_kept(code: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"errorCode": code}, status=401)

    with pytest.raises(UploadRefusedError) as caught:
        await upload_to(answer, sample_keys(1))

    assert (caught.value.code, caught.value.final) == (code, True)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (429, '{"errorCode": "quota_exceeded"}'),
        (500, '{"errorCode": "internal_error"}'),
        (503, ""),
        (403, "<html>blocked by a proxy"),
        (302, ""),
    ],
)
async def test_what_may_be_asked_again_is_not_final(status: int, text: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    with pytest.raises(UploadRefusedError) as caught:
        await upload_to(answer, sample_keys(1))

    assert not caught.value.final


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [("7", 7), ("9" * 9, 86_400), ("9" * 10, 0), ("-1", 0), ("soon", 0), ("", 0)],
)
async def test_retry_after_is_taken_in_seconds_and_for_a_day_at_most(
    sent: str, seconds: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": sent})

    with pytest.raises(UploadRefusedError) as caught:
        await upload_to(answer, sample_keys(1))

    assert caught.value.retry_after == seconds


async def test_real_and_fake_requests_have_the_same_length_on_the_line() -> None:
    sizes: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(REQUEST_BYTES)
        sizes.append(len(head) + len(body))
        answer = json.dumps(GOOD).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, new_session() as session:
        client = UploadClient(
            session,
            f"http://127.0.0.1:{port}",
            api_key="key",
            health_authority="authority",
            entropy=counted_entropy(),
        )
        await client.upload("12345678", sample_keys(14))
        for step in Step:
            await client.pretend(step)

    assert len(sizes) == 6
    assert sizes[:3] == sizes[3:]


async def test_a_fake_request_does_nothing_at_a_real_node(desk: Desk) -> None:
    client = client_of(desk)
    code = await code_from(desk)

    for step in Step:
        await client.pretend(step)

    assert (await client.upload(code, sample_keys(2))).inserted == 2


async def test_a_fake_request_is_refused_like_a_real_one(desk: Desk) -> None:
    with pytest.raises(UploadRefusedError) as caught:
        await client_of(desk, api_key="not the key").pretend(Step.REDEEM)

    assert caught.value.code == "unauthorized"
