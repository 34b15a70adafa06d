"""Fake uploads come at times that say nothing, and look like real ones."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from cosignal.client.phone import chaff, uploads
from cosignal.client.phone.chaff import Conditions, Network, plan, take_slot
from cosignal.client.phone.database import Database
from cosignal.client.phone.upload_jobs import all_jobs, remove_job
from cosignal.protocol.errors import UsageError
from tests.client.phone.lossy import STEPS, Lossy
from tests.client.phone.test_uploads import KEYS, a_code
from tests.client.phone.uploaders import SCHEMAS, Uploader
from tests.server.desk import Desk
from tests.strategies import NOW, counted_entropy

HOUR = 3600
DAY = 24 * HOUR
PER_DAY = 2.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "state", SCHEMAS)
    yield opened
    opened.close()


def begun(database: Database) -> int:
    """Count the fake uploads that began, and forget them."""
    jobs = all_jobs(database)
    for job in jobs:
        remove_job(database, job.id)
    return len(jobs)


def test_as_many_fake_uploads_begin_as_a_poisson_process_has(
    database: Database,
) -> None:
    entropy, days = counted_entropy("days"), 150
    counts = []
    for day in range(days):
        count = 0
        for hour in range(0, 24, 2):
            plan(database, NOW + day * DAY + hour * HOUR, entropy, PER_DAY)
            count += begun(database)
        counts.append(count)
    total, mean = sum(counts), PER_DAY * days

    # The bound, 3.29 deviations, is passed by chance in one of a thousand seeds. An
    # app that wakes every other hour adds an hour to each wait.
    expected = mean / (1 + PER_DAY / 24)
    assert abs(total - expected) < 3.29 * math.sqrt(mean)
    assert max(counts) > PER_DAY + 1
    assert min(counts) == 0


def test_a_restart_does_not_draw_again(database: Database, tmp_path: Path) -> None:
    first = plan(database, NOW, counted_entropy("one"), PER_DAY)
    database.close()
    again = Database(tmp_path / "state", SCHEMAS)

    assert plan(again, NOW + 1, counted_entropy("other"), PER_DAY) == first
    assert begun(again) == 0
    again.close()


def test_the_first_call_begins_nothing(database: Database) -> None:
    following = plan(database, NOW, counted_entropy(), PER_DAY)

    assert following > NOW
    assert begun(database) == 0


@pytest.mark.parametrize(
    ("late", "expected"),
    [(-1, 0), (0, 1), (chaff.LATE_SECONDS, 1), (chaff.LATE_SECONDS + 1, 0)],
)
def test_a_time_that_passed_is_used_for_a_while_and_then_skipped(
    database: Database, late: int, expected: int
) -> None:
    entropy = counted_entropy()
    slot = plan(database, NOW, entropy, PER_DAY)

    following = plan(database, slot + late, entropy, PER_DAY)

    assert begun(database) == expected
    assert following > slot or late < 0


def test_a_phone_that_was_off_for_a_month_makes_no_burst(database: Database) -> None:
    entropy = counted_entropy()
    plan(database, NOW, entropy, 24.0)

    later = NOW + 30 * DAY
    times = [plan(database, later + second, entropy, 24.0) for second in range(30)]

    assert begun(database) == 0
    assert len(set(times)) == 1


def test_one_that_is_put_off_is_not_joined_by_another(database: Database) -> None:
    entropy, now = counted_entropy(), NOW
    for _ in range(20):
        now = plan(database, now, entropy, PER_DAY)

    assert begun(database) == 1


def test_a_time_that_no_draw_can_give_is_drawn_again(database: Database) -> None:
    entropy = counted_entropy()
    wrong = plan(database, NOW + 10_000 * DAY, entropy, PER_DAY)

    assert plan(database, NOW, entropy, PER_DAY) < NOW + 40 * DAY < wrong


def test_one_wrong_reading_of_the_clock_silences_nothing(database: Database) -> None:
    entropy = counted_entropy()
    plan(database, NOW, entropy, PER_DAY)
    plan(database, NOW + 15 * DAY, entropy, PER_DAY)
    begun(database)

    for hour in range(0, 10 * 24, 2):
        plan(database, NOW + hour * HOUR, entropy, PER_DAY)

    assert begun(database) == 1


@pytest.mark.parametrize("per_day", [0.0, -1.0, 24.5, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(database: Database, per_day: float) -> None:
    with pytest.raises(UsageError, match="per_day: expected more than 0"):
        plan(database, NOW, counted_entropy(), per_day)
    with pytest.raises(UsageError, match="per_day: expected more than 0"):
        take_slot(database, NOW, counted_entropy(), per_day, NOW + DAY)


@pytest.mark.parametrize(
    ("battery", "charging", "network", "good"),
    [
        (0.9, False, Network.UNMETERED, True),
        (0.9, False, Network.METERED, True),
        (0.9, True, Network.NONE, False),
        (0.1, False, Network.UNMETERED, False),
        (0.1, True, Network.UNMETERED, True),
        (0.2, False, Network.METERED, True),
    ],
)
def test_battery_and_network_decide_what_can_wait(
    battery: float, *, charging: bool, network: Network, good: bool
) -> None:
    assert Conditions(battery, charging, network).good() == good


def test_an_app_may_spare_metered_networks() -> None:
    metered = Conditions(1.0, charging=True, network=Network.METERED)
    free = Conditions(1.0, charging=True, network=Network.UNMETERED)

    assert not metered.good(metered=False)
    assert free.good(metered=False)


def test_a_slot_that_a_real_upload_took_has_no_fake_one(database: Database) -> None:
    entropy = counted_entropy()
    slot = plan(database, NOW, entropy, PER_DAY)

    assert take_slot(database, NOW, entropy, PER_DAY, NOW + DAY) == slot
    assert plan(database, slot, entropy, PER_DAY) > slot
    assert begun(database) == 0


def test_a_slot_comes_too_late_for_a_code_that_ends_before(database: Database) -> None:
    entropy = counted_entropy()
    slot = plan(database, NOW, entropy, PER_DAY)

    assert take_slot(database, NOW, entropy, PER_DAY, slot) is None
    assert plan(database, slot, entropy, PER_DAY) > slot
    assert begun(database) == 1


def test_a_slot_that_passed_is_not_given_away(database: Database) -> None:
    entropy = counted_entropy()
    now = plan(database, NOW, entropy, PER_DAY) + 5

    slot = take_slot(database, now, entropy, PER_DAY, now + DAY)

    assert slot is None or slot > now


async def test_a_real_upload_in_a_slot_waits_for_conditions_like_a_fake_one(
    desk: Desk, way: Lossy, phone: Uploader
) -> None:
    entropy, database = counted_entropy(), phone.database
    slot = plan(database, NOW, entropy, 24.0)
    taken = take_slot(database, NOW, entropy, 24.0, NOW + DAY)
    assert taken == slot
    real = phone.begin(await a_code(desk, "longCode"), KEYS, at=taken)
    phone.now = plan(database, slot, entropy, 24.0)
    plan(database, phone.now, entropy, 24.0)

    assert uploads.due(database, NOW, good=True) == []
    assert uploads.due(database, phone.now, good=False) == []
    real_and_fake = uploads.due(database, phone.now, good=True)
    assert real_and_fake == [real, real + 1]
    # Once begun, both go on whatever the battery says.
    for number in real_and_fake:
        phone.now = (await phone.advance(number)).next_attempt
    assert uploads.due(database, phone.now, good=False) == real_and_fake
    await phone.run_all()
    assert sorted(way.seen) == sorted(
        (path, 6144, fake) for path in STEPS for fake in (False, True)
    )


def same_bytes(size: int) -> bytes:
    return b"\x55" * size


@pytest.mark.parametrize("lost", ["", *STEPS, "code refused"])
async def test_real_and_fake_uploads_look_the_same_on_the_line(
    desk: Desk, way: Lossy, phone: Uploader, lost: str
) -> None:
    """The same requests in the same sizes at the same times, failures included."""
    phone.entropy = same_bytes
    code = "00000000" if lost == "code refused" else await a_code(desk, "longCode")
    seen: list[list[tuple[int, str, int]]] = []
    for real in (True, False):
        phone.now, way.seen = NOW, []
        way.lose_answer = {lost} & set(STEPS)
        if real:
            phone.begin(code, KEYS)
        else:
            begin_fake(phone)
        times = []
        while (when := uploads.next_time(phone.database)) is not None:
            phone.now = max(phone.now, when)
            for number in uploads.due(phone.database, phone.now, good=True):
                times.append(phone.now)
                await phone.advance(number)
        seen.append(
            [
                (time, path, size)
                for time, (path, size, _) in zip(times, way.seen, strict=True)
            ]
        )

    assert seen[0] == seen[1]
    assert len(seen[0]) == 3 + (lost in STEPS)


def begin_fake(phone: Uploader) -> None:
    """Let the time of a fake upload be the phone's time."""
    with phone.database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO chaff VALUES (1, ?, ?)", (phone.now, phone.now)
        )
    plan(phone.database, phone.now, phone.entropy, PER_DAY)
