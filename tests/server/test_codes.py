"""A code works once, for a while, and cannot be guessed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cosignal.protocol.certificates import CertifiedReport
from cosignal.server.intake import codes as codes_module
from cosignal.server.intake.code_forms import ALPHABET, draw_long, draw_short
from cosignal.server.intake.codes import ODDS
from cosignal.server.intake.diagnosis import Diagnosis
from cosignal.server.intake.intake import sweep
from cosignal.server.storage.tables import codes, used_tokens, wrong_attempts
from tests.server.authorities import authorities
from tests.server.desk import Desk

MINUTE = 60
DAY_SECONDS = 86_400


async def rows(desk: Desk, table: object) -> int:
    async with desk.database.read() as connection:
        query = select(func.count()).select_from(table)  # type: ignore[arg-type]
        return int((await connection.execute(query)).scalar_one())


async def test_a_code_has_a_short_and_a_long_form(desk: Desk) -> None:
    answer = await desk.issue(symptomDate="2025-11-20", testDate="2025-11-22")

    code = answer.json
    assert answer.status == 200
    assert len(code["code"]) == 8
    assert code["code"].isdigit()
    assert len(code["longCode"]) == 16
    assert code["expiresAtTimestamp"] == desk.clock.now + 15 * MINUTE
    assert code["longExpiresAtTimestamp"] == desk.clock.now + DAY_SECONDS
    assert code["expiresAt"] == "Mon, 24 Nov 2025 16:15:00 UTC"


async def test_a_redeemed_code_tells_what_it_stands_for(desk: Desk) -> None:
    code = (await desk.issue(symptomDate="2025-11-20", testDate="2025-11-22")).json

    answer = await desk.verify(code["code"])

    assert answer.status == 200
    assert answer.json["testtype"] == "confirmed"
    assert answer.json["symptomDate"] == "2025-11-20"
    assert answer.json["testDate"] == "2025-11-22"
    assert answer.json["token"].count(".") == 2


@pytest.mark.parametrize("second", ["code", "longCode"])
async def test_a_code_works_once_in_either_form(desk: Desk, second: str) -> None:
    code = (await desk.issue()).json
    await desk.verify(code["code"])

    answer = await desk.verify(code[second])

    assert (answer.status, answer.code) == (400, "code_invalid")


async def test_blanks_hyphens_and_capitals_do_not_matter(desk: Desk) -> None:
    code = (await desk.issue()).json["longCode"]
    typed = f" {code[:4].upper()}-{code[4:8]} {code[8:]}"

    assert (await desk.verify(typed)).status == 200


async def test_of_a_thousand_redemptions_at_once_one_succeeds(desk: Desk) -> None:
    code = (await desk.issue()).json["code"]

    answers = await asyncio.gather(*(desk.verify(code) for _ in range(1000)))

    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 1
    assert {answer.code for answer in answers} == {"", "code_invalid"}


async def test_a_short_code_ends_after_fifteen_minutes_and_the_long_one_goes_on(
    desk: Desk,
) -> None:
    code = (await desk.issue()).json
    desk.clock.now += 15 * MINUTE

    assert (await desk.verify(code["code"])).code == "code_expired"
    assert (await desk.verify(code["longCode"])).status == 200


async def test_a_long_code_ends_after_a_day(desk: Desk) -> None:
    code = (await desk.issue()).json
    desk.clock.now += DAY_SECONDS

    answer = await desk.verify(code["longCode"])

    assert (answer.status, answer.code) == (400, "code_expired")


@pytest.mark.parametrize("code", ["", "1234", "x" * 16 + "y", "ä" * 8, "0" * 500])
async def test_what_cannot_be_a_code_is_invalid_and_no_guess(
    desk: Desk, code: str
) -> None:
    answer = await desk.verify(code)

    assert (answer.status, answer.code) == (400, "code_invalid")
    assert await rows(desk, wrong_attempts) == 0


@pytest.mark.parametrize(
    ("issued", "accept", "status"),
    [
        ("confirmed", None, 200),
        ("likely", None, 412),
        ("likely", ["confirmed"], 412),
        ("likely", ["likely"], 200),
        ("confirmed", ["likely"], 200),
        ("negative", ["likely"], 412),
        ("negative", ["negative"], 200),
        ("confirmed", ["user-report"], 412),
        ("confirmed", ["user-report", "confirmed"], 200),
        ("confirmed", ["nonsense"], 400),
    ],
)
async def test_an_app_gets_only_test_types_that_it_accepts(
    desk: Desk, issued: str, accept: list[str] | None, status: int
) -> None:
    code = (await desk.issue(testType=issued)).json["code"]

    answer = await desk.verify(code, accept=accept)

    assert answer.status == status
    assert answer.code == {
        200: "",
        400: "invalid_test_type",
        412: "unsupported_test_type",
    }.get(status)


async def test_a_code_of_a_type_that_was_not_accepted_can_still_be_used(
    desk: Desk,
) -> None:
    code = (await desk.issue(testType="likely")).json["code"]
    await desk.verify(code)

    assert (await desk.verify(code, accept=["likely"])).status == 200


async def wrong_guesses(desk: Desk, count: int) -> list[int]:
    live = (await desk.issue()).json["code"]
    guesses = [f"{n:08}" for n in range(count + 1) if f"{n:08}" != live][:count]
    return [(await desk.verify(guess)).status for guess in guesses]


async def test_fewer_than_one_in_a_million_short_codes_can_be_tried(
    desk: Desk,
) -> None:
    statuses = await wrong_guesses(desk, 105)

    assert statuses == [400] * 99 + [429] * 6
    assert statuses.count(400) / 10**8 < 1 / ODDS


async def test_a_throttled_caller_learns_when_to_come_back(desk: Desk) -> None:
    await wrong_guesses(desk, 60)
    desk.clock.now += 5 * MINUTE
    await wrong_guesses(desk, 39)
    code = (await desk.issue()).json["code"]

    refused = await desk.verify(code)
    assert (refused.status, refused.code) == (429, "quota_exceeded")
    assert refused.headers["Retry-After"] == str(10 * MINUTE)

    desk.clock.now += 10 * MINUTE - 1
    assert (await desk.verify(code)).status == 429
    desk.clock.now += 1
    assert (await desk.verify(code)).status == 200


async def test_long_codes_work_while_short_ones_are_throttled(desk: Desk) -> None:
    code = (await desk.issue()).json["longCode"]
    await wrong_guesses(desk, 99)

    assert (await desk.verify(code)).status == 200


async def test_guesses_made_at_once_are_all_counted(desk: Desk) -> None:
    await desk.issue()

    answers = await asyncio.gather(
        *(desk.verify(f"{number:08}") for number in range(300))
    )

    assert [answer.status for answer in answers].count(400) == 99


async def test_a_restart_does_not_forget_wrong_guesses(tmp_path: Path) -> None:
    async with authorities(tmp_path, 1) as network:
        await network.start(1)
        await wrong_guesses(Desk(network, 1), 99)
        await network.stop(1)
        await network.start(1)
        desk = Desk(network, 1)

        code = (await desk.issue()).json["code"]
        assert (await desk.verify(code)).status == 429


async def test_a_clinic_may_name_its_code(desk: Desk) -> None:
    name = "5148c75c-2bc5-4874-9d1c-f9185d0e1b8a"

    first = await desk.issue(uuid=name)
    second = await desk.issue(uuid=name.upper())

    assert first.json["uuid"] == name
    assert (second.status, second.code) == (409, "uuid_already_exists")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"testType": "user-report"}, "invalid_test_type"),
        ({"testType": "nonsense"}, "invalid_test_type"),
        ({"symptomDate": "20.11.2025"}, "invalid_date"),
        ({"symptomDate": "20251120"}, "invalid_date"),
        ({"testDate": "2025-11-26"}, "invalid_date"),
        ({"testDate": "2025-10-01"}, "invalid_date"),
        ({"uuid": "mine"}, "unparsable_request"),
        ({"phone": "+49"}, "unparsable_request"),
        ({"testType": 1}, "unparsable_request"),
    ],
)
async def test_a_wrong_issue_request_is_refused(
    desk: Desk, fields: dict[str, object], code: str
) -> None:
    answer = await desk.issue(**fields)

    assert (answer.status, answer.code) == (400, code)
    assert await rows(desk, codes) == 0


async def test_a_short_code_that_is_taken_is_drawn_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["00000007", "00000007", "00000008"])
    monkeypatch.setattr(codes_module, "draw_short", lambda *_: next(drawn))
    test = Diagnosis(CertifiedReport.CONFIRMED)

    issued = [await desk.intake.codes.issue(test) for _ in range(2)]

    assert [code.short for code in issued] == ["00000007", "00000008"]


def test_every_code_can_be_drawn(entropy: Callable[[int], bytes]) -> None:
    short = [draw_short(entropy, 8) for _ in range(500)]
    long = [draw_long(entropy) for _ in range(500)]

    assert {len(code) for code in short} == {8}
    assert {len(code) for code in long} == {16}
    assert set("".join(short)) == set(ALPHABET[:10])
    assert set("".join(long)) == set(ALPHABET)


async def test_rows_are_forgotten_when_they_are_no_longer_needed(desk: Desk) -> None:
    code = (await desk.issue()).json["code"]
    token = (await desk.verify(code)).json["token"]
    await desk.certify(token, "A" * 43 + "=")
    await wrong_guesses(desk, 1)

    async def left_after(seconds: int) -> list[int]:
        now = desk.clock.now + seconds
        await sweep(desk.intake, desk.database, now)
        return [await rows(desk, t) for t in (codes, used_tokens, wrong_attempts)]

    assert await left_after(15 * MINUTE - 1) == [2, 1, 1]
    assert await left_after(15 * MINUTE) == [2, 1, 0]
    assert await left_after(26 * 3600) == [2, 0, 0]
    assert await left_after(15 * DAY_SECONDS) == [0, 0, 0]


async def test_an_ended_short_code_loses_its_digits_after_a_day(desk: Desk) -> None:
    await desk.issue()

    now = desk.clock.now + 15 * MINUTE + DAY_SECONDS
    await sweep(desk.intake, desk.database, now)

    async with desk.database.read() as connection:
        row = (await connection.execute(select(codes))).one()
    assert row.short_mac is None
    assert row.long_mac is not None
