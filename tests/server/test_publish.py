"""Keys are taken under a certificate for them, once; a receipt promises the rest."""

import asyncio
from base64 import b64encode, urlsafe_b64encode
from dataclasses import replace
from typing import Any

import pytest

from cosignal.protocol.certificates import UploadedKey, tek_mac
from cosignal.protocol.diagnosis_keys import Infectiousness, ReportType
from cosignal.protocol.encoding import encode_base64
from cosignal.protocol.notes import parse_note, verify_note
from cosignal.protocol.receipts import receipt_digest
from cosignal.server.app_keys import TRUST
from tests.server.desk import Desk, Upload
from tests.server.publishing import (
    HOUR,
    Entropy,
    changed,
    move_to_chain,
    pending,
    publish_new,
    releasable,
)
from tests.strategies import DAY, TODAY


async def test_an_upload_is_stored_and_answered_with_a_receipt(
    desk: Desk, entropy: Entropy
) -> None:
    upload = Upload.of(entropy, 14)

    answer = await publish_new(desk, upload)

    assert answer.status == 200
    assert answer.json["insertedExposures"] == 14
    assert answer.headers["x-api-version"] == "v1"
    assert "code" not in answer.json
    assert await pending(desk) == 14


async def test_a_receipt_is_a_note_that_the_issuer_signed_and_names_no_key(
    desk: Desk, entropy: Entropy
) -> None:
    upload = Upload.of(entropy, 3)
    answer = await publish_new(desk, upload)
    trust = desk.network.running[1][1].app[TRUST].record

    note = parse_note(answer.json["receipt"].encode())

    issuer = trust.issuer("authority-1")
    assert issuer is not None
    assert verify_note(note, [issuer.key]) == [issuer.key]
    data = [key.data for key in await releasable(desk, desk.clock.now + 2 * 86_400)]
    assert note.text.decode().splitlines() == [
        "cosignal/receipt/v1",
        "network test.cosignal.example",
        "issuer authority-1",
        "keys 3",
        f"digest {encode_base64(receipt_digest(data))}",
        f"time {desk.clock.now}",
        # Yesterday's key ended at midnight; a day later the chain has it.
        f"by {desk.clock.now + 86_400}",
    ]
    assert all(key.key_text not in answer.json["receipt"] for key in upload.keys)


async def test_report_type_and_infectiousness_come_from_the_certificate(
    desk: Desk, entropy: Entropy
) -> None:
    upload = Upload.of(entropy, 8)
    certified = await desk.certified(
        upload, testType="likely", symptomDate="2025-11-22"
    )

    # The body claims another onset; nobody vouches for it.
    await desk.publish(certified, symptomOnsetInterval=TODAY - 10 * DAY)

    keys = await releasable(desk)
    assert {key.report_type for key in keys} == {
        ReportType.CONFIRMED_CLINICAL_DIAGNOSIS
    }
    by_days = {(key.start - (TODAY - 2 * DAY)) // DAY: key for key in keys}
    assert {day: key.infectiousness for day, key in by_days.items()} == {
        1: Infectiousness.HIGH,
        0: Infectiousness.HIGH,
        -1: Infectiousness.HIGH,
        -2: Infectiousness.HIGH,
        -3: Infectiousness.STANDARD,
        -4: Infectiousness.STANDARD,
        -5: Infectiousness.STANDARD,
        -6: Infectiousness.NONE,
    }
    assert {key.onset for key in keys} == {None}


@pytest.mark.parametrize(
    ("onset", "highest"),
    [(TODAY - 8 * DAY, 5), (TODAY - 29 * DAY, 1), (TODAY + 9 * DAY, 1), (0, 1)],
)
async def test_without_a_certified_onset_the_phones_counts_if_it_can_be_true(
    desk: Desk, entropy: Entropy, onset: int, highest: int
) -> None:
    await publish_new(desk, Upload.of(entropy, 12), symptomOnsetInterval=onset)

    high = [
        (TODAY - key.start) // DAY
        for key in await releasable(desk)
        if key.infectiousness is Infectiousness.HIGH
    ]
    assert min(high) == highest


async def test_a_key_is_held_until_two_hours_after_its_end(
    desk: Desk, entropy: Entropy
) -> None:
    upload = changed(Upload.of(entropy, 1), 0, start=TODAY)
    await publish_new(desk, upload)
    end = (TODAY + DAY) * 600

    assert await releasable(desk, end + 2 * HOUR - 1) == []
    assert len(await releasable(desk, end + 2 * HOUR)) == 1


async def test_keys_of_a_negative_test_are_not_stored(
    desk: Desk, entropy: Entropy
) -> None:
    upload = await desk.certified(Upload.of(entropy), testType="negative")

    answer = await desk.publish(upload)

    assert (answer.status, answer.json["insertedExposures"]) == (200, 0)
    assert "receipt" not in answer.json
    assert await pending(desk) == 0


async def test_the_same_upload_again_gets_the_same_receipt(
    desk: Desk, entropy: Entropy
) -> None:
    upload = await desk.certified(Upload.of(entropy))

    answers = [await desk.publish(upload) for _ in range(3)]

    assert len({answer.json["receipt"] for answer in answers}) == 1
    assert {answer.json["insertedExposures"] for answer in answers} == {3}
    assert await pending(desk) == 3


async def test_one_upload_sent_a_hundred_times_at_once_is_stored_once(
    desk: Desk, entropy: Entropy
) -> None:
    upload = await desk.certified(Upload.of(entropy))

    answers = await asyncio.gather(*(desk.publish(upload) for _ in range(100)))

    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["receipt"] for answer in answers}) == 1
    assert await pending(desk) == 3


async def test_a_retry_gets_its_receipt_although_the_keys_are_on_the_chain(
    desk: Desk, entropy: Entropy
) -> None:
    upload = await desk.certified(Upload.of(entropy))
    first = await desk.publish(upload)
    await move_to_chain(desk)

    again = await desk.publish(upload)

    assert again.json["receipt"] == first.json["receipt"]
    assert await pending(desk) == 0


@pytest.mark.parametrize("on_chain", [False, True])
async def test_known_keys_under_another_certificate_need_a_revision_token(
    desk: Desk, entropy: Entropy, *, on_chain: bool
) -> None:
    upload = Upload.of(entropy)
    await publish_new(desk, upload)
    if on_chain:
        await move_to_chain(desk)
    again = replace(upload, secret=entropy(16))

    missing = await publish_new(desk, again)
    invalid = await publish_new(desk, again, revisionToken="AAAA")

    assert (missing.status, missing.code) == (400, "missing_revision_token")
    assert (invalid.status, invalid.code) == (400, "invalid_revision_token")


async def test_known_keys_among_new_ones_are_dropped_with_a_warning(
    desk: Desk, entropy: Entropy
) -> None:
    first = Upload.of(entropy, 2)
    await publish_new(desk, first)
    more = Upload.of(entropy, 5)
    both = replace(more, keys=first.keys + more.keys[2:])

    answer = await publish_new(desk, both)

    assert answer.status == 200
    assert answer.json["code"] == "partial_failure"
    assert answer.json["insertedExposures"] == 3
    assert "keys 3\n" in answer.json["receipt"]
    assert await pending(desk) == 5


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"key_text": "AAAA"}, "16 bytes"),
        ({"key_text": "?" * 24}, "base64"),
        ({"period": 0}, "period"),
        ({"period": 145}, "period"),
        ({"start": TODAY + 3 * DAY}, "start"),
        ({"start": TODAY - 17 * DAY}, "15 days|onset"),
        ({"risk": 9}, "transmissionRisk"),
        ({"risk": -1}, "transmissionRisk"),
    ],
)
async def test_a_wrong_key_is_dropped_with_a_warning(
    desk: Desk, entropy: Entropy, fields: dict[str, Any], warning: str
) -> None:
    upload = changed(Upload.of(entropy, 3), 1, **fields)

    answer = await publish_new(desk, upload)

    assert answer.status == 200
    assert answer.json["code"] == "partial_failure"
    assert answer.json["insertedExposures"] == 2
    assert answer.json["warnings"][0].startswith("key 1 dropped:")
    assert [word for word in warning.split("|") if word in answer.json["error"]]
    alone = replace(upload, keys=upload.keys[1:2])
    refused = await publish_new(desk, alone)
    assert (refused.status, refused.code) == (400, "bad_request")


async def test_a_key_far_from_the_onset_of_symptoms_is_dropped(
    desk: Desk, entropy: Entropy
) -> None:
    upload = Upload.of(entropy, 3)

    answer = await publish_new(desk, upload, symptomOnsetInterval=TODAY - 17 * DAY)

    assert answer.json["insertedExposures"] == 1
    assert len(answer.json["warnings"]) == 2


async def test_a_key_without_period_is_refused(desk: Desk, entropy: Entropy) -> None:
    upload = await desk.certified(changed(Upload.of(entropy, 1), 0, period=0))
    request = upload.request(desk.authority)
    del request["temporaryExposureKeys"][0]["rollingPeriod"]

    answer = await desk.post("/v1/publish", request)

    assert (answer.status, answer.code) == (400, "bad_request")


@pytest.mark.parametrize("count", [0, 31])
async def test_no_key_and_too_many_keys_are_refused(
    desk: Desk, entropy: Entropy, count: int
) -> None:
    answer = await publish_new(desk, Upload.of(entropy, count))

    assert (answer.status, answer.code) == (400, "bad_request")


def with_starts(entropy: Entropy, *spans: tuple[int, int]) -> Upload:
    keys = tuple(
        UploadedKey(b64encode(entropy(16)).decode(), TODAY - 2 * DAY + start, period)
        for start, period in spans
    )
    return Upload(keys, entropy(16))


@pytest.mark.parametrize(
    ("spans", "status"),
    [
        ([(0, 20), (0, 80), (0, 144)], 200),
        ([(0, 20), (20, 124)], 200),
        ([(0, 20), (0, 40), (0, 80), (0, 144)], 400),
        ([(0, 144), (72, 72)], 400),
        ([(0, 20), (19, 20)], 400),
    ],
)
async def test_keys_may_share_a_start_and_not_overlap_otherwise(
    desk: Desk, entropy: Entropy, spans: list[tuple[int, int]], status: int
) -> None:
    answer = await publish_new(desk, with_starts(entropy, *spans))

    assert answer.status == status
    assert await pending(desk) == (len(spans) if status == 200 else 0)


async def test_another_authority_id_is_unknown(desk: Desk, entropy: Entropy) -> None:
    upload = Upload.of(entropy)

    answer = await publish_new(desk, upload, healthAuthorityID="somebody")

    assert (answer.status, answer.code) == (401, "unknown_health_authority_id")


INVALID = "health_authority_verification_certificate_invalid"


async def test_a_certificate_holds_for_its_key_set_only(
    desk: Desk, entropy: Entropy
) -> None:
    certified = await desk.certified(Upload.of(entropy, 5))
    variants = [
        replace(certified, keys=certified.keys[:-1]),
        replace(certified, secret=entropy(16)),
        changed(certified, 0, risk=3),
        changed(certified, 0, start=TODAY),
        changed(certified, 0, period=100),
        replace(certified, certificate=""),
        replace(certified, certificate=certified.certificate[:-8] + "AAAAAAAA"),
        replace(certified, fields={"hmacKey": "%%%"}),
    ]

    answers = [await desk.publish(variant) for variant in variants]

    assert {(answer.status, answer.code) for answer in answers} == {(401, INVALID)}
    assert await pending(desk) == 0
    assert (await desk.publish(certified)).status == 200


async def test_a_certificate_ends_after_fifteen_minutes(
    desk: Desk, entropy: Entropy
) -> None:
    upload = await desk.certified(Upload.of(entropy))
    desk.clock.now += 15 * 60

    assert (await desk.publish(upload)).code == INVALID


async def test_a_token_is_no_certificate(desk: Desk, entropy: Entropy) -> None:
    code = (await desk.issue()).json["code"]
    token = (await desk.verify(code)).json["token"]

    answer = await desk.publish(replace(Upload.of(entropy), certificate=token))

    assert (answer.status, answer.code) == (401, INVALID)


@pytest.mark.parametrize("with_risk", [False, True])
async def test_both_forms_of_the_hmac_are_accepted(
    desk: Desk, entropy: Entropy, *, with_risk: bool
) -> None:
    upload = Upload.of(entropy)
    mac = b64encode(tek_mac(upload.secret, upload.keys, with_risk=with_risk)).decode()
    code = (await desk.issue()).json["code"]
    token = (await desk.verify(code)).json["token"]
    certificate = (await desk.certify(token, mac)).json["certificate"]

    answer = await desk.publish(replace(upload, certificate=certificate))

    assert answer.status == 200


async def test_base64_may_be_urlsafe_and_without_padding(desk: Desk) -> None:
    keys = tuple(
        UploadedKey(
            urlsafe_b64encode(b"\xff" * 15 + bytes([n])).decode().rstrip("="),
            TODAY - (n + 1) * DAY,
            DAY,
        )
        for n in range(3)
    )
    upload = await desk.certified(Upload(keys, b"\xfb" * 16))
    secret = urlsafe_b64encode(upload.secret).decode().rstrip("=")

    answer = await desk.publish(upload, hmacKey=secret)

    assert answer.status == 200
    assert {key.data[:15] for key in await releasable(desk)} == {b"\xff" * 15}


async def test_the_hmac_key_has_two_spellings_and_optional_fields_may_be_null(
    desk: Desk, entropy: Entropy
) -> None:
    upload = await desk.certified(Upload.of(entropy))
    request = upload.request(desk.authority)
    request["hmackey"] = request.pop("hmacKey")
    request |= {"revisionToken": None, "traveler": True, "padding": "x" * 2000}

    assert (await desk.post("/v1/publish", request)).status == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"temporaryExposureKeys": 5}', "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 64_001, "application/json", 413),
    ],
)
async def test_a_request_that_is_not_the_expected_json_is_bad(
    desk: Desk, body: bytes, content_type: str, status: int
) -> None:
    answer = await desk.post("/v1/publish", body, **{"Content-Type": content_type})

    assert (answer.status, answer.code) == (status, "bad_request")
    assert answer.json["error_code"] == answer.json["code"] == "bad_request"


async def test_an_unknown_field_is_refused(desk: Desk, entropy: Entropy) -> None:
    answer = await publish_new(desk, Upload.of(entropy), regions=["US"])

    assert (answer.status, answer.code) == (400, "bad_request")


async def test_json_with_a_charset_is_json(desk: Desk) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}

    answer = await desk.post("/v1/publish", b"{}", **headers)

    assert answer.status == 400
