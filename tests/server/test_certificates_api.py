"""A token becomes one certificate, bound to one key set."""

import asyncio
from base64 import b64encode
from collections.abc import Callable

import pytest

from cosignal.protocol.certificates import CertifiedReport
from cosignal.protocol.intervals import interval_at
from tests.server.desk import Desk, Upload

Entropy = Callable[[int], bytes]
MAC = b64encode(bytes(32)).decode()


async def token(desk: Desk, **fields: str) -> str:
    code = (await desk.issue(**fields)).json["code"]
    return str((await desk.verify(code)).json["token"])


async def test_a_certificate_names_the_key_set_and_the_test(
    desk: Desk, entropy: Entropy
) -> None:
    upload = Upload.of(entropy)

    answer = await desk.certify(await token(desk, symptomDate="2025-11-20"), upload.mac)

    assert answer.status == 200
    text = answer.json["certificate"]
    found = desk.intake.certificates.verify(text, desk.clock.now)
    assert b64encode(found.tekmac).decode() == upload.mac
    assert found.report_type is CertifiedReport.CONFIRMED
    assert found.symptom_onset_interval == interval_at(1_763_596_800)
    assert found.expires == desk.clock.now + 15 * 60


def other_mac(number: int) -> str:
    return b64encode(number.to_bytes(32, "big")).decode()


async def test_a_token_works_for_one_key_set_however_many_are_sent_at_once(
    desk: Desk,
) -> None:
    text = await token(desk)

    answers = await asyncio.gather(
        *(desk.certify(text, other_mac(number)) for number in range(100))
    )

    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.code for answer in answers} == {"", "token_invalid"}


async def test_a_lost_certificate_is_written_again_for_the_same_keys_only(
    desk: Desk,
) -> None:
    text = await token(desk)
    await desk.certify(text, MAC)
    desk.clock.now += 20 * 60

    again = await desk.certify(text, MAC)
    other = await desk.certify(text, other_mac(1))

    assert (other.status, other.code) == (400, "token_invalid")
    assert again.status == 200
    certificate = again.json["certificate"]
    found = desk.intake.certificates.verify(certificate, desk.clock.now)
    assert found.tekmac == bytes(32)
    assert found.expires == desk.clock.now + 15 * 60


async def test_a_token_ends_after_a_day(desk: Desk) -> None:
    text = await token(desk)
    desk.clock.now += 86_400

    answer = await desk.certify(text, MAC)

    assert (answer.status, answer.code) == (400, "token_expired")


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "ä", "\ud800"])
async def test_what_is_no_token_is_invalid(desk: Desk, text: str) -> None:
    answer = await desk.certify(text, MAC)

    assert answer.status == 400
    assert answer.code in {"token_invalid", "unparsable_request"}


async def test_a_certificate_is_no_token(desk: Desk) -> None:
    certificate = (await desk.certify(await token(desk), MAC)).json["certificate"]

    assert (await desk.certify(certificate, MAC)).code == "token_invalid"


@pytest.mark.parametrize("mac", ["", "AAAA", MAC[:-4], MAC + "AAAA", "?" * 44])
async def test_an_hmac_that_is_not_32_bytes_is_refused_and_costs_no_token(
    desk: Desk, mac: str
) -> None:
    text = await token(desk)

    assert (await desk.certify(text, mac)).code == "hmac_invalid"
    assert (await desk.certify(text, MAC)).status == 200


@pytest.mark.parametrize("path", ["/api/verify", "/api/certificate"])
@pytest.mark.parametrize("audience", ["", "issuing", "nobody"])
async def test_phones_need_a_device_key(desk: Desk, path: str, audience: str) -> None:
    key = desk.api_key("issuing") if audience == "issuing" else audience

    answer = await desk.post(path, {"code": "1"}, key)

    assert (answer.status, answer.code) == (401, "unauthorized")


async def test_clinics_need_an_issuing_key(desk: Desk) -> None:
    body = {"testType": "confirmed"}

    answer = await desk.post("/api/issue", body, desk.api_key("device"))

    assert (answer.status, answer.code) == (401, "unauthorized")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"code": 5}',
        b'{"code": "1", "more": 1}',
        b"\xff",
        b"[" * 9999,
    ],
)
async def test_other_json_is_unparsable(desk: Desk, body: bytes) -> None:
    answer = await desk.post(
        "/api/verify",
        body,
        desk.api_key("device"),
        **{"Content-Type": "application/json"},
    )

    assert (answer.status, answer.code) == (400, "unparsable_request")


async def test_every_answer_is_padded_differently(desk: Desk) -> None:
    sizes = {(await desk.verify("00000000")).size for _ in range(12)}

    assert len(sizes) > 6
    assert min(sizes) > 1024 * 4 // 3
    assert max(sizes) < 2048 * 4 // 3 + 500
