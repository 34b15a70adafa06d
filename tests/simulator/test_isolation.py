import math
from dataclasses import replace

import numpy as np

from cosignal.simulator.interventions import Isolation
from cosignal.simulator.interventions.quarantine import (
    household_members,
    isolate_cases,
    quarantine_contacts,
)
from cosignal.simulator.parameters.behaviour import IsolationParameters
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD, INFECTED
from tests.simulator.quiet_runs import Ids, everybody, ids, next_day, quiet

#: Everybody does what they should, and nobody gives up.
STRICT = IsolationParameters(
    on_symptoms=1.0,
    on_positive=1.0,
    household=1.0,
    length=10,
    quarantine_length=14,
    drop_out=0.0,
)


def at_home(sim: Sim) -> list[int]:
    found: list[int] = np.flatnonzero(sim.state.isolated_until > sim.day).tolist()
    return found


def family(sim: Sim, size: int) -> Ids:
    """All members of a household of at least some size."""
    sizes = np.diff(sim.people.household_start)
    home = int(np.flatnonzero(sizes >= size)[0])
    first, end = sim.people.household_start[home : home + 2].tolist()
    return np.arange(first, end, dtype=np.int32)


def test_people_with_symptoms_stay_at_home_for_the_length_of_isolation() -> None:
    sim = quiet(2)
    sim.today |= {"onset": ids(5), "background": ids(9)}

    Isolation(STRICT).apply(sim, 2)
    next_day(sim)
    for _ in range(14):
        next_day(sim)

    history = [int(sim.state.isolation[5] >> (17 - day)) & 1 for day in range(18)]
    assert history[:2] == [0, 0]  # of day 2 half have had their contacts
    assert history[3:] == [1] * 9 + [0] * 6
    assert sim.state.isolated_until[9] == sim.state.isolated_until[5]
    assert sim.record.series("in_isolation")[:13].tolist() == [0, 0] + [2] * 10 + [0]
    assert sim.record.series("in_quarantine").sum() == 0


def test_a_positive_result_keeps_the_household_at_home() -> None:
    sim = quiet(2)
    home = family(sim, 3)
    sim.today["positive"] = home[1:2]
    sim.state.positive_day[home[1]] = 2

    Isolation(STRICT).apply(sim, 2)

    assert home.tolist() == at_home(sim)
    assert sim.state.isolated_until[home[1]] == 12
    assert {16} == set(sim.state.isolated_until[np.delete(home, 1)].tolist())
    assert sim.state.quarantined[home].tolist() == [1, 0] + [1] * (len(home) - 2)


def test_known_cases_and_the_dead_are_not_quarantined() -> None:
    sim = quiet(2)
    home = family(sim, 4)
    sim.today["positive"] = home[:1]
    sim.state.positive_day[home[:2]] = [2, 1]
    sim.state.status[home[2]] = DEAD

    Isolation(STRICT).apply(sim, 2)

    assert np.delete(home, [1, 2]).tolist() == at_home(sim)


def test_household_members_are_those_of_the_same_household() -> None:
    sim = quiet(0)
    asked = ids(3, 4, 700, 999)

    homes = set(sim.people.household[asked].tolist())
    expected = [i for i in range(1000) if sim.people.household[i] in homes]

    assert expected == household_members(sim.people, asked).tolist()
    assert household_members(sim.people, ids()).tolist() == []


def test_households_of_contacts_stay_only_where_that_is_asked_for() -> None:
    sim = quiet(2)
    home = family(sim, 3)
    quarantine_contacts(sim, home[:1])
    assert home[:1].tolist() == at_home(sim)

    sim = quiet(2, isolation__household_of_contacts=1.0)
    quarantine_contacts(sim, home[:1])
    assert home.tolist() == at_home(sim)


def test_compliance_is_a_probability() -> None:
    """False alarm: below 1e-6; five standard errors."""
    sim = quiet(2, agents=20_000)
    sim.today["onset"] = everybody(sim)

    Isolation(replace(STRICT, on_symptoms=0.6)).apply(sim, 2)

    assert abs(len(at_home(sim)) - 12_000) < 5 * math.sqrt(20_000 * 0.24)


def test_people_give_up_day_by_day() -> None:
    """False alarm: below 1e-5; five standard errors, of five days."""
    sim = quiet(0, agents=20_000)
    isolation = Isolation(replace(STRICT, drop_out=0.1))
    sim.today["onset"] = everybody(sim)
    left = []
    for day in range(5):
        isolation.apply(sim, day)
        left.append(len(at_home(sim)) / 20_000)
        next_day(sim)

    expected = 0.9 ** np.arange(5)
    error = np.sqrt(expected * (1 - expected) / 20_000)
    assert left[0] == 1
    assert (np.abs(left - expected) <= 5 * error).all()


def test_a_negative_result_ends_isolation_but_not_quarantine() -> None:
    sim = quiet(2)
    sim.isolate(ids(1, 2), 12, quarantined=False)
    sim.isolate(ids(3), 16, quarantined=True)
    sim.state.test_day[[1, 2, 3]] = 2
    sim.state.positive_day[2] = 1  # a known case; the negative is of an older test
    sim.today["negative"] = ids(1, 2, 3)

    Isolation(STRICT).apply(sim, 2)

    assert at_home(sim) == [2, 3]


def test_a_negative_test_from_before_symptoms_does_not_end_isolation() -> None:
    sim = quiet(5)
    sim.today |= {"onset": ids(1, 2), "background": ids(3, 4), "negative": ids()}
    isolation = Isolation(STRICT)
    isolation.apply(sim, 5)
    sim.state.test_day[[1, 2, 3, 4]] = [4, 5, 4, 5]
    next_day(sim, negative=ids(1, 2, 3, 4))

    isolation.apply(sim, 6)

    assert at_home(sim) == [1, 3]


def test_a_contact_with_symptoms_stays_in_quarantine_until_a_test_is_positive() -> None:
    sim = quiet(2)
    isolation = Isolation(STRICT)
    quarantine_contacts(sim, ids(1, 2, 3))
    sim.isolate(ids(4), 12, quarantined=False)
    quarantine_contacts(sim, ids(4))
    next_day(sim, onset=ids(1, 2))
    isolation.apply(sim, 3)
    next_day(sim, positive=ids(2), negative=ids(1, 4))
    sim.state.positive_day[2] = 4
    isolation.apply(sim, 4)

    assert {1, 2, 3, 4} <= set(at_home(sim))
    assert sim.state.quarantined[[1, 2, 3, 4]].tolist() == [1, 0, 1, 1]


def test_rules_of_the_day_hold_for_whoever_is_quarantined() -> None:
    long, short = STRICT, replace(STRICT, quarantine_length=5, length=3)
    sim = Sim(
        "FR",
        agents=1000,
        disease__seeds=0,
        interventions=[Isolation(long, stop=3), Isolation(short, start=3)],
    )
    for day in range(5):
        quarantine_contacts(sim, ids(10 + day))
        isolate_cases(sim, ids(20 + day), confirmed=True)
        sim.step()

    assert sim.state.isolated_until[10:15].tolist() == [14, 15, 16, 8, 9]
    assert sim.state.isolated_until[20:25].tolist() == [10, 11, 12, 6, 7]


def test_a_late_negative_test_releases_from_quarantine() -> None:
    sim = quiet(2, isolation__smart_release=5, isolation__drop_out=0.0)
    isolation = Isolation(sim.parameters.isolation)
    quarantine_contacts(sim, ids(3, 4))
    sim.state.test_day[[3, 4]] = [6, 7]  # day 4 and day 5 of quarantine
    for _ in range(6):
        next_day(sim)
    sim.today["negative"] = ids(3, 4)

    isolation.apply(sim, 8)

    assert at_home(sim) == [3]


def test_who_may_be_released_is_tested_on_that_day_of_quarantine() -> None:
    sim = quiet(2, isolation__smart_release=5, isolation__drop_out=0.0)
    isolation = Isolation(sim.parameters.isolation)
    quarantine_contacts(sim, ids(3, 4))
    ordered = {}
    for day in range(3, 10):
        next_day(sim)
        if day == 4:
            sim.state.isolated_until[4] = -1  # gave up
        isolation.apply(sim, day)
        ordered[day] = sim.queue("test.order").take(day).tolist()

    assert {day: people for day, people in ordered.items() if people} == {7: [3]}


def test_beginnings_and_their_delay_are_recorded() -> None:
    sim = quiet(5)
    sim.state.status[ids(1, 2)] = INFECTED
    sim.state.infected_day[ids(1, 2)] = [1, 3]
    quarantine_contacts(sim, ids(1, 2, 3))
    quarantine_contacts(sim, ids(1))

    assert sim.record.series("quarantines")[5] == 3
    assert sim.record.series("quarantines_infected")[5] == 2
    assert sim.record.series("days_to_quarantine")[5] == 4 + 2


def in_ward(sim: Sim, person: int, first: int, end: int) -> None:
    """Let somebody be in hospital from one day to the day before another."""
    sim.state.status[person] = INFECTED
    sim.state.hospital_day[person], sim.state.end_day[person] = first, end


def test_days_in_hospital_are_no_days_at_home() -> None:
    sim = quiet(2)
    in_ward(sim, 5, 4, 7)
    quarantine_contacts(sim, ids(5, 6))
    isolate_cases(sim, ids(8), confirmed=True)
    in_ward(sim, 8, 5, 9)

    for _ in range(18):
        next_day(sim)

    home, quarantine, infected = (
        sim.record.series(name).tolist()[2:18]
        for name in ("in_isolation", "in_quarantine", "in_quarantine_infected")
    )
    assert quarantine == [2, 2, 1, 1, 1] + [2] * 9 + [0, 0]
    assert infected == [1, 1, 0, 0, 0] + [1] * 9 + [0, 0]
    assert home == [3, 3, 2, 1, 1, 2, 2, 3, 3, 3] + [2] * 4 + [0, 0]
    # They are not at large all the same.
    assert (int(sim.state.isolation[5]) >> (20 - 6)) & 1 == 1


def test_who_is_at_home_is_counted_by_age() -> None:
    sim = quiet(2)
    isolate_cases(sim, everybody(sim)[:300], confirmed=True)
    quarantine_contacts(sim, everybody(sim)[300:500])
    next_day(sim)

    bands = np.minimum(sim.people.age // 10, 8)
    by_age = sim.record.by_age
    ages = np.bincount(bands[:500], minlength=9)
    assert by_age["in_isolation"][2].tolist() == ages.tolist()
    ages = np.bincount(bands[300:500], minlength=9)
    assert by_age["in_quarantine"][2].tolist() == ages.tolist()


def test_the_dead_do_not_stay_at_home() -> None:
    sim = quiet(2)
    sim.state.status[ids(3)] = DEAD
    isolate_cases(sim, ids(3, 4), confirmed=True)
    quarantine_contacts(sim, ids(3, 6))
    next_day(sim)

    assert sim.record.series("isolations")[2] == 1
    assert sim.record.series("quarantines")[2] == 1
    assert sim.record.series("in_isolation")[2] == 2
    assert sim.record.series("in_quarantine")[2] == 1


def released(sim: Sim, days: range) -> list[bool]:
    """Whether person 3 is sent out by a negative test of each of some days."""
    isolation = Isolation(sim.parameters.isolation)
    out = []
    for day in days:
        sim.state.test_day[3] = day
        before = sim.state.isolated_until[3]
        sim.today = {"onset": ids(), "negative": ids(3)}
        isolation.apply(sim, sim.day)
        out.append(bool(sim.state.isolated_until[3] < sim.day))
        sim.state.isolated_until[3] = before
    return out


def test_symptoms_in_quarantine_do_not_put_the_release_off() -> None:
    sim = quiet(0, isolation__smart_release=7, isolation__drop_out=0.0)
    quarantine_contacts(sim, ids(3))
    for _ in range(8):
        next_day(sim)
    isolate_cases(sim, ids(3), confirmed=False)
    next_day(sim)

    # Longer at home for the symptoms; a test of day 7 was before them.
    assert sim.state.isolated_until[3] == 18
    assert released(sim, range(6, 10)) == [False, False, True, True]


def test_a_new_exposure_puts_the_release_off_and_an_old_one_does_not() -> None:
    sim = quiet(8, isolation__smart_release=3, isolation__drop_out=0.0)
    quarantine_contacts(sim, ids(3), since=4)
    assert released(sim, range(6, 9)) == [False, True, True]
    quarantine_contacts(sim, ids(3), since=2)
    assert released(sim, range(6, 9)) == [False, True, True]
    quarantine_contacts(sim, ids(3), since=5)
    assert released(sim, range(6, 9)) == [False, False, True]
    assert sim.state.isolated_until[3] == 5 + 14


def test_whoever_was_at_home_for_symptoms_is_released_as_a_contact() -> None:
    sim = quiet(8, isolation__smart_release=3, isolation__drop_out=0.0)
    isolate_cases(sim, ids(3), confirmed=False)
    quarantine_contacts(sim, ids(3), since=4)
    # Day 7 is late enough for the exposure, and before the symptoms of day 8.
    assert released(sim, range(7, 9)) == [False, True]


def test_quarantine_counts_from_the_last_exposure() -> None:
    sim = quiet(10, isolation__quarantine_length=6)
    quarantine_contacts(sim, ids(1, 2, 3, 4), since=np.array([9, 5, 4, 1]))
    quarantine_contacts(sim, ids(5))

    assert sim.state.isolated_until[[1, 2, 5]].tolist() == [15, 11, 16]
    assert at_home(sim) == [1, 2, 5]
    assert sim.record.series("quarantines")[10] == 3
