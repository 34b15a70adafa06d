"""Canaries: no failure of an upload shows what was sent, nor does the phone's file."""

import logging
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cosignal.client.phone.upload_advice import advice
from cosignal.client.phone.upload_jobs import Job, State, find_job
from tests.client.phone.uploaders import Uploader
from tests.network_in_memory import sample_keys

CODE, TOKEN, CERTIFICATE = "canarycode123456", "canary.token.x", "canary.certificate.x"
GOOD = {"token": TOKEN, "certificate": CERTIFICATE, "insertedExposures": 2}
KEYS = sample_keys(2)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def echo(request: web.Request) -> web.StreamResponse:
    text = (await request.read()).decode()
    return web.json_response({"errorCode": text, "error": text}, status=400)


async def echo_without_json(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read(), status=403)


async def echo_as_the_answer(request: web.Request) -> web.StreamResponse:
    return web.json_response({"token": [await request.text()], "certificate": 1})


async def refuse(_: web.Request) -> web.StreamResponse:
    return web.json_response({"errorCode": "token_invalid"}, status=400)


async def fail(_: web.Request) -> web.StreamResponse:
    return web.Response(status=503, headers={"Retry-After": CODE})


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def send_elsewhere(request: web.Request) -> web.StreamResponse:
    body = (await request.json()).get("code", "")
    return web.Response(status=307, headers={"Location": f"/{body}"})


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "999"})
    await response.prepare(request)
    await response.write((await request.read())[:99])
    assert request.transport is not None
    request.transport.abort()
    return response


FAILURES = [
    echo,
    echo_without_json,
    echo_as_the_answer,
    refuse,
    fail,
    hang_up,
    send_elsewhere,
    break_off,
]


@asynccontextmanager
async def phone_of(
    path: Path, answers: Mapping[str, Answer]
) -> AsyncIterator[Uploader]:
    async def handle(request: web.Request) -> web.StreamResponse:
        answer = answers.get(request.path)
        return await answer(request) if answer else web.json_response(GOOD)

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    async with (
        TestServer(app, host="127.0.0.1") as server,
        aiohttp.ClientSession() as session,
    ):
        phone = Uploader(path, session, str(server.make_url("/")), "canarykey")
        yield phone
        phone.database.close()


def secrets_of(job: Job) -> list[bytes]:
    assert job.secret is not None
    texts = [CODE, TOKEN, CERTIFICATE, str(job.nonce), b64encode(job.secret).decode()]
    texts += [b64encode(key.data).decode() for key in KEYS]
    return [text.encode() for text in texts] + [job.secret, *(k.data for k in KEYS)]


@pytest.mark.parametrize("answer", FAILURES)
@pytest.mark.parametrize("path", ["/api/verify", "/api/certificate", "/v1/publish"])
async def test_no_failure_shows_a_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    async with phone_of(tmp_path / "phone", {path: answer}) as phone:
        number = phone.begin(CODE, KEYS)
        before = find_job(phone.database, number)
        job = before
        for _ in range(3):
            phone.now = job.next_attempt
            job = await phone.advance(number)

        shown = f"{job!r} {advice(job)} {phone.database!r} {phone.client!r} "
        client = phone.client
        for ask in (
            client.redeem(CODE, str(before.nonce)),
            client.certify(TOKEN, bytes(32)),
            client.publish(CERTIFICATE, before.secret or b"", []),
        ):
            try:
                await ask
            except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
                shown += f"{error!r} {error.__cause__!r} {error.__dict__}"

    assert job.state is not State.DONE
    assert job.error
    shown += caplog.text
    found = [
        secret for secret in secrets_of(before) if secret.decode("latin-1") in shown
    ]
    assert found == []
    assert "canary" not in shown


@pytest.mark.parametrize("end", ["done", "refused", "given up"])
async def test_an_ended_upload_leaves_no_secret_in_the_file(
    tmp_path: Path, end: str
) -> None:
    answers = {"/v1/publish": refuse} if end == "refused" else {}
    answers |= {"/v1/publish": fail} if end == "given up" else {}
    async with phone_of(tmp_path / "phone", answers) as phone:
        number = phone.begin(CODE, KEYS)
        secrets = secrets_of(find_job(phone.database, number))
        while not (job := await phone.run(number, patience=0)).ended:
            phone.now = job.next_attempt
        opened = phone.raw()
    closed = phone.raw()

    assert job.state is (State.DONE if end == "done" else State.REFUSED)
    assert phone.now - job.begun < 5 * 86_400
    assert [secret for secret in secrets if secret in closed] == []
    assert [secret for secret in secrets if secret in opened] == []
