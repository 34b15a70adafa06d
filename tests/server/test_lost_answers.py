"""A phone that lost an answer asks again, and nobody else gains by it."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, select, text

from cosignal.server.intake.codes import NONCE_CHARACTERS
from cosignal.server.intake.intake import sweep
from cosignal.server.storage.database import Database
from cosignal.server.storage.tables import codes, used_tokens, wrong_attempts
from tests.server.desk import Answer, Desk
from tests.server.test_codes import DAY_SECONDS, MINUTE, rows, wrong_guesses
from tests.strategies import counted_entropy

Entropy = Callable[[int], bytes]
MACS = [b64encode(bytes([number]) * 32).decode() for number in range(3)]


def nonce(seed: str = "nonce") -> str:
    return b64encode(counted_entropy(seed)(32)).decode()


def token_id(answer: Answer) -> str:
    claims = answer.json["token"].split(".")[1]
    found = msgspec.json.decode(b64decode(claims + "=" * (-len(claims) % 4)))
    return str(found["jti"])


async def test_the_same_code_and_nonce_get_the_same_token_again(desk: Desk) -> None:
    code = (await desk.issue(symptomDate="2025-11-20")).json["code"]

    first = await desk.verify(code, nonce=nonce())
    desk.clock.now += 14 * MINUTE
    again = await desk.verify(code, nonce=nonce())

    assert (first.status, again.status) == (200, 200)
    assert again.json["symptomDate"] == first.json["symptomDate"] == "2025-11-20"
    assert token_id(first) == token_id(again)


async def test_of_a_thousand_redemptions_with_different_nonces_one_succeeds(
    desk: Desk,
) -> None:
    code = (await desk.issue()).json["code"]

    answers = await asyncio.gather(
        *(desk.verify(code, nonce=nonce(str(number))) for number in range(1000))
    )

    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.code for answer in answers} == {"", "code_invalid"}


async def test_repetitions_at_once_are_one_token_and_one_key_set(desk: Desk) -> None:
    code = (await desk.issue()).json["code"]

    answers = await asyncio.gather(
        *(desk.verify(code, nonce=nonce()) for _ in range(50))
    )
    certified = await asyncio.gather(
        *(
            desk.certify(answer.json["token"], MACS[number % 3])
            for number, answer in enumerate(answers)
        )
    )

    assert {answer.status for answer in answers} == {200}
    assert len({token_id(answer) for answer in answers}) == 1
    good = {number % 3 for number, one in enumerate(certified) if one.status == 200}
    assert len(good) == 1


@pytest.mark.parametrize("form", ["code", "longCode"])
@pytest.mark.parametrize("sent", [None, "", "x", nonce("thief")])
async def test_who_learns_the_code_later_and_not_the_nonce_gets_nothing(
    desk: Desk, form: str, sent: str | None
) -> None:
    code = (await desk.issue()).json
    await desk.verify(code["code"], nonce=nonce())

    answer = await desk.verify(code[form], nonce=sent)

    assert (answer.status, answer.code) == (400, "code_invalid")
    assert await rows(desk, wrong_attempts) == 0


async def test_a_code_that_was_redeemed_without_a_nonce_is_used_up(desk: Desk) -> None:
    code = (await desk.issue()).json["code"]
    await desk.verify(code)

    assert (await desk.verify(code, nonce=nonce())).code == "code_invalid"


async def test_a_short_nonce_gives_no_right_to_ask_again(desk: Desk) -> None:
    code = (await desk.issue()).json["code"]
    short = "n" * (NONCE_CHARACTERS - 1)

    assert (await desk.verify(code, nonce=short)).status == 200
    assert (await desk.verify(code, nonce=short)).code == "code_invalid"


async def test_one_nonce_for_two_codes_is_two_tokens(desk: Desk) -> None:
    issued = [(await desk.issue()).json["code"] for _ in range(2)]

    answers = [await desk.verify(code, nonce=nonce()) for code in issued]

    assert len({token_id(answer) for answer in answers}) == 2


@pytest.mark.parametrize(
    ("form", "life"), [("code", 15 * MINUTE), ("longCode", DAY_SECONDS)]
)
async def test_an_expired_code_is_refused_whatever_the_nonce(
    desk: Desk, form: str, life: int
) -> None:
    code = (await desk.issue()).json[form]
    await desk.verify(code, nonce=nonce())
    desk.clock.now += life

    answer = await desk.verify(code, nonce=nonce())

    assert (answer.status, answer.code) == (400, "code_expired")


async def test_a_refused_test_type_does_not_bind_the_code_to_a_nonce(
    desk: Desk,
) -> None:
    code = (await desk.issue(testType="likely")).json["code"]
    await desk.verify(code, nonce=nonce("one"))

    answer = await desk.verify(code, nonce=nonce("other"), accept=["likely"])

    assert answer.status == 200


async def test_a_repetition_waits_like_everybody_while_codes_are_guessed(
    desk: Desk,
) -> None:
    code = (await desk.issue()).json["code"]
    await desk.verify(code, nonce=nonce())
    await wrong_guesses(desk, 99)

    assert (await desk.verify(code, nonce=nonce())).status == 429


async def test_the_mark_of_a_used_token_outlives_every_repetition(desk: Desk) -> None:
    code = (await desk.issue()).json["longCode"]
    first = (await desk.verify(code, nonce=nonce())).json["token"]
    assert (await desk.certify(first, MACS[0])).status == 200
    desk.clock.now += DAY_SECONDS - 1
    last = (await desk.verify(code, nonce=nonce())).json["token"]

    statuses = []
    for _ in range(26):
        desk.clock.now += 3600
        await sweep(desk.intake, desk.database, desk.clock.now)
        statuses.append((await desk.certify(last, MACS[1])).code)

    assert set(statuses) == {"token_invalid", "token_expired"}
    assert await rows(desk, used_tokens) == 0


async def test_nothing_of_a_nonce_is_left_when_its_code_has_ended(desk: Desk) -> None:
    code = (await desk.issue()).json["code"]
    await desk.verify(code, nonce=nonce())

    async def kept() -> bytes | None:
        await sweep(desk.intake, desk.database, desk.clock.now)
        async with desk.database.read() as connection:
            row = (await connection.execute(select(codes))).one()
            assert row.claimed == 1
            found: bytes | None = row.nonce_mac
            return found

    assert await kept() is not None
    desk.clock.now += DAY_SECONDS
    assert await kept() is None


async def test_a_node_that_is_updated_keeps_used_tokens_used(tmp_path: Path) -> None:
    async def opened() -> Database:
        return await Database.open(
            tmp_path / "node.sqlite", network="test.cosignal.example", node="one"
        )

    database = await opened()

    def as_before(connection: Connection) -> None:
        for statement in (
            "ALTER TABLE codes DROP COLUMN nonce_mac",
            "ALTER TABLE used_tokens DROP COLUMN binding",
            "UPDATE alembic_version SET version_num = '0002'",
            "INSERT INTO used_tokens (token, expires) VALUES (x'01', 9)",
        ):
            connection.execute(text(statement))

    await database.write(lambda connection: connection.run_sync(as_before))
    await database.close()

    database = await opened()
    async with database.read() as connection:
        found = (await connection.execute(select(used_tokens))).all()
    await database.close()

    assert [(row.token, row.expires, row.binding) for row in found] == [
        (b"\x01", 9, None)
    ]
