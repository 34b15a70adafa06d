"""An upload goes on from wherever it stands, and its keys arrive once."""

import asyncio
import random
from base64 import b64decode
from collections import Counter

import pytest
from sqlalchemy import select

from cosignal.client.phone import uploads
from cosignal.client.phone.database import Database
from cosignal.client.phone.upload_advice import advice
from cosignal.client.phone.upload_jobs import Job, State, add_job, find_job, remove_job
from cosignal.client.upload import REQUEST_BYTES
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.errors import InvalidKeyError, UsageError
from cosignal.server.intake.intake import sweep
from cosignal.server.storage.tables import pending_keys
from tests.client.phone.lossy import STEPS, Lossy
from tests.client.phone.uploaders import SCHEMAS, Uploader
from tests.network_in_memory import sample_keys
from tests.server.desk import Desk
from tests.strategies import NOW

KEYS = sample_keys(6)
MINUTE = 60


async def a_code(desk: Desk, form: str = "code", **fields: str) -> str:
    return str((await desk.issue(**fields)).json[form])


async def stored(desk: Desk) -> Counter[bytes]:
    """How often the node holds each key."""
    async with desk.database.read() as connection:
        rows = await connection.execute(select(pending_keys.c.key))
        return Counter(rows.scalars())


def once(keys: list[DiagnosisKey]) -> Counter[bytes]:
    return Counter(key.data for key in keys)


async def test_an_upload_ends_with_a_receipt_and_without_secrets(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    job = await phone.run(phone.begin(await a_code(desk), KEYS))

    assert (job.state, job.inserted, job.error) == (State.DONE, 6, None)
    assert (job.receipt or "").startswith("cosignal/receipt/v1\n")
    secrets = (job.code, job.nonce, job.token, job.certificate, job.secret, job.keys)
    assert secrets == (None,) * 6
    assert await stored(desk) == once(KEYS)
    assert way.seen == [(path, REQUEST_BYTES, False) for path in STEPS]
    assert len(phone.slept) == 2
    assert set(phone.slept) <= {1, 2, 3, 4, 5}


@pytest.mark.parametrize("path", STEPS)
@pytest.mark.parametrize("what", ["lose_request", "lose_answer"])
async def test_whatever_is_lost_on_the_way_the_keys_arrive_once(
    desk: Desk, way: Lossy, phone: Uploader, path: str, what: str
) -> None:
    getattr(way, what).add(path)
    number = phone.begin(await a_code(desk), KEYS)

    job = await phone.run(number)

    assert (job.state, job.inserted) == (State.DONE, 6)
    assert job.receipt is not None
    assert await stored(desk) == once(KEYS)
    expected = [step for step in STEPS for _ in range(1 + (step == path))]
    assert way.paths == expected


async def test_everything_may_be_lost_once(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    way.lose_request, way.lose_answer = set(STEPS), set(STEPS)

    job = await phone.run(phone.begin(await a_code(desk), KEYS))

    assert (job.state, job.inserted) == (State.DONE, 6)
    assert await stored(desk) == once(KEYS)
    assert Counter(way.paths) == dict.fromkeys(STEPS, 3)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_goes_wrong_in_whatever_order_the_keys_arrive_once(
    desk: Desk, way: Lossy, phone: Uploader, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - must be repeatable
    number = phone.begin(await a_code(desk, "longCode"), KEYS)
    job = find_job(phone.database, number)
    mishaps = 0
    while not job.ended:
        mishap = draw.choice(["lost request", "lost answer", "restart", "late", ""])
        mishaps += bool(mishap)
        if mishap == "restart":
            phone.database.close()
            phone.database = Database(phone.path, SCHEMAS)
        way.lose_request = set(STEPS) if mishap == "lost request" else set()
        way.lose_answer = set(STEPS) if mishap == "lost answer" else set()
        later = 20 * MINUTE if mishap == "late" else 0
        desk.clock.now += later
        phone.now = max(phone.now, job.next_attempt) + later
        job = await phone.advance(number)

    assert mishaps
    assert (job.state, job.error) == (State.DONE, None)
    assert await stored(desk) == once(KEYS)


@pytest.mark.parametrize("path", STEPS)
async def test_an_upload_that_is_cancelled_anywhere_goes_on(
    desk: Desk, way: Lossy, phone: Uploader, path: str
) -> None:
    number = phone.begin(await a_code(desk), KEYS)
    task = asyncio.create_task(phone.run(number))
    way.after[path] = task.cancel
    with pytest.raises(asyncio.CancelledError):
        await task

    job = await phone.run(number)

    assert job.state is State.DONE
    assert await stored(desk) == once(KEYS)


async def test_a_node_that_is_down_for_a_while_is_tried_less_and_less_often(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    number = phone.begin(await a_code(desk), KEYS)
    await desk.network.stop(1)

    job = await phone.run(number)
    assert (job.state, job.error, job.status) == (State.REDEEM, "no_answer", None)
    assert phone.now < job.next_attempt
    assert sorted(phone.slept) == phone.slept
    assert job.attempts == len(way.seen) >= 4

    await desk.network.start(1)
    phone.now = job.next_attempt
    assert (await phone.run(number)).state is State.DONE
    assert await stored(desk) == once(KEYS)


async def test_nothing_is_sent_before_its_time(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    way.lose_answer.add("/api/verify")
    number = phone.begin(await a_code(desk), KEYS)
    job = await phone.advance(number)

    phone.now = job.next_attempt - 1
    await phone.advance(number)

    assert len(way.seen) == 1
    phone.now += 1
    assert (await phone.advance(number)).state is State.CERTIFY


async def test_a_certificate_that_grew_old_is_renewed_for_the_same_keys(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    number = phone.begin(await a_code(desk), KEYS)
    way.lose_request.add("/v1/publish")
    job = await phone.run(number, patience=0)
    while job.state is not State.PUBLISH or not job.attempts:
        phone.now = job.next_attempt
        job = await phone.run(number, patience=0)

    phone.now += 20 * MINUTE
    desk.clock.now += 20 * MINUTE
    job = await phone.run(number)

    assert (job.state, job.inserted) == (State.DONE, 6)
    assert job.receipt is not None
    assert Counter(way.paths)["/api/certificate"] == 2
    assert await stored(desk) == once(KEYS)


async def test_keys_that_arrived_when_nobody_was_there_to_hear_so_are_done(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    number = phone.begin(await a_code(desk), KEYS)
    way.lose_answer.add("/v1/publish")
    while not find_job(phone.database, number).sent:
        job = await phone.advance(number)
        phone.now = job.next_attempt
    assert await stored(desk) == once(KEYS)

    phone.now += 60 * MINUTE
    desk.clock.now += 60 * MINUTE
    await sweep(desk.intake, desk.database, desk.clock.now)
    job = await phone.run(number)

    assert (job.state, job.inserted, job.receipt) == (State.DONE, None, None)
    assert await stored(desk) == once(KEYS)


async def test_a_refused_code_ends_the_upload_and_looks_like_any_other(
    way: Lossy, phone: Uploader
) -> None:
    job = await phone.run(phone.begin("00000000", KEYS))

    assert (job.state, job.status, job.error) == (State.REFUSED, 400, "code_invalid")
    assert "again" in advice(job)
    assert (job.code, job.nonce, job.secret, job.keys) == (None,) * 4
    await phone.run_all()
    assert way.seen == [(path, REQUEST_BYTES, path != "/api/verify") for path in STEPS]
    assert uploads.uploads(phone.database) == [job]
    assert uploads.next_time(phone.database) is None


async def test_an_expired_code_is_refused_with_advice(
    desk: Desk, phone: Uploader
) -> None:
    number = phone.begin(await a_code(desk), KEYS)
    desk.clock.now += 15 * MINUTE

    job = await phone.run(number)

    assert (job.state, job.error) == (State.REFUSED, "code_expired")
    assert advice(job) == "Ask the health authority for a new code."


async def test_keys_that_are_published_already_need_no_new_code(
    desk: Desk, phone: Uploader
) -> None:
    await phone.run(phone.begin(await a_code(desk), KEYS))

    job = await phone.run(phone.begin(await a_code(desk), KEYS))

    assert (job.state, job.error) == (State.REFUSED, "missing_revision_token")
    assert advice(job).startswith("Nothing")
    assert await stored(desk) == once(KEYS)


async def test_a_throttled_phone_comes_back_when_it_is_told_to(
    desk: Desk, phone: Uploader
) -> None:
    code = await a_code(desk, "longCode")
    short = await a_code(desk)
    for number in range(99):
        await desk.verify(f"{number:08}")
    throttled = await phone.run(phone.begin(short, KEYS[:3]))

    assert (throttled.state, throttled.error) == (State.REDEEM, "quota_exceeded")
    assert throttled.next_attempt == NOW + 15 * MINUTE
    assert "Wait" in advice(throttled)
    assert (await phone.run(phone.begin(code, KEYS[3:]))).state is State.DONE


async def test_two_that_carry_on_one_upload_at_once_do_no_harm(
    desk: Desk, phone: Uploader
) -> None:
    number = phone.begin(await a_code(desk), KEYS)

    await asyncio.gather(phone.run(number), phone.run(number), phone.run(number))

    assert find_job(phone.database, number).state is State.DONE
    assert await stored(desk) == once(KEYS)


async def test_two_that_carry_on_one_fake_upload_at_once_do_no_harm(
    way: Lossy, phone: Uploader
) -> None:
    number = add_job(phone.database, phone.now, fake=True)

    jobs = await asyncio.gather(phone.run(number), phone.run(number))

    assert all(job.ended for job in jobs)
    assert set(way.seen) == {(path, REQUEST_BYTES, True) for path in STEPS}
    assert uploads.next_time(phone.database) is None


async def test_a_refusal_that_two_hear_of_is_followed_by_one_fake_upload(
    way: Lossy, phone: Uploader
) -> None:
    number = phone.begin("00000000", KEYS)

    await asyncio.gather(phone.run(number), phone.run(number))
    await phone.run_all()

    assert Counter(way.paths) == dict(zip(STEPS, (2, 1, 1), strict=True))


async def test_an_upload_may_be_forgotten_while_an_answer_is_on_its_way(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    number = phone.begin(await a_code(desk), KEYS)
    way.after["/api/verify"] = lambda: remove_job(phone.database, number)

    job = await phone.run(number)

    assert job.ended
    assert uploads.uploads(phone.database) == []


async def test_an_upload_that_was_given_up_leaves_nothing(
    desk: Desk, phone: Uploader
) -> None:
    code = await a_code(desk, "longCode")
    number = phone.begin(code, KEYS)

    remove_job(phone.database, number)
    phone.database.scrub()

    assert code.encode() not in phone.raw()
    with pytest.raises(UsageError, match=f"got {number}"):
        await phone.advance(number)


async def test_an_ended_upload_sends_nothing_more(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    number = phone.begin(await a_code(desk), KEYS)
    first = await phone.run(number)
    phone.now += 10**6

    assert await phone.run(number) == first
    assert len(way.seen) == 3


@pytest.mark.parametrize("jump", [-(10**8), -3600, 3600, 10**8])
async def test_a_clock_that_jumps_loses_no_upload(
    desk: Desk, way: Lossy, phone: Uploader, jump: int
) -> None:
    way.lose_answer = {"/api/verify", "/v1/publish"}
    number = phone.begin(await a_code(desk), KEYS)
    await phone.advance(number)

    phone.now += jump
    job = await phone.run(number, patience=2 * 3600)

    assert job.state is State.DONE
    assert await stored(desk) == once(KEYS)


@pytest.mark.parametrize(
    "keys",
    [[], KEYS * 6, sample_keys(3, now=NOW * 2)],
    ids=["none", "copies", "tomorrow's"],
)
async def test_keys_that_nobody_may_publish_cost_no_code(
    phone: Uploader, way: Lossy, keys: list[DiagnosisKey]
) -> None:
    with pytest.raises(InvalidKeyError):
        phone.begin("12345678", keys)

    assert uploads.uploads(phone.database) == []
    assert way.seen == []


@pytest.mark.parametrize("code", ["", "  ", "x" * 65])
async def test_what_cannot_be_a_code_is_refused_at_once(
    phone: Uploader, code: str
) -> None:
    with pytest.raises(UsageError, match="code: expected 6 to 64 characters"):
        phone.begin(code, KEYS)


@pytest.mark.parametrize("at", [NOW - 1, NOW + 86_401])
async def test_a_slot_that_is_no_slot_is_refused(phone: Uploader, at: int) -> None:
    with pytest.raises(UsageError, match="at: expected"):
        phone.begin("12345678", KEYS, at)


def test_no_repr_holds_a_secret() -> None:
    values: dict[str, object] = dict.fromkeys(Job.__slots__, 0)
    hidden = dict.fromkeys(
        ("code", "nonce", "token", "certificate", "revision_token"), "canary"
    ) | {"secret": b"canary", "keys": b"canary", "receipt": "canary", "onset": "canary"}

    assert "canary" not in repr(Job(**values | hidden))  # type: ignore[arg-type]


async def test_the_secrets_are_gone_from_the_file_as_soon_as_they_are_not_needed(
    desk: Desk, phone: Uploader
) -> None:
    code = await a_code(desk, "longCode")
    number = phone.begin(code, KEYS)
    before = find_job(phone.database, number)
    first = [str(before.code), str(before.nonce)]
    assert all(text.encode() in phone.raw() for text in first)

    job = await phone.advance(number)
    assert not [text for text in first if text.encode() in phone.raw()]
    assert str(job.token).encode() in phone.raw()

    phone.now = job.next_attempt
    job = await phone.advance(number)
    last = [str(job.token).encode(), str(job.certificate).encode(), job.secret or b""]
    last += [str(job.keys).encode()[2:60], *(key.data for key in KEYS)]
    assert (await phone.run(number)).state is State.DONE
    phone.database.close()
    assert not [item for item in last if item in phone.raw()]
    texts = [b64decode(item) for item in (before.nonce or "",)]
    assert not [item for item in texts if item in phone.raw()]
