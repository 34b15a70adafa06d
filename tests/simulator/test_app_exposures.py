import math
from dataclasses import replace

import numpy as np

from cosignal.simulator.contacts.slots import contacts_of, most_slots
from cosignal.simulator.interventions.app.exposures import exposed
from cosignal.simulator.interventions.app.intervention import has_app, install
from cosignal.simulator.interventions.app.radio import counts, is_on, phone_day
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.simulation import Sim
from tests.simulator.quiet_runs import Ids, everybody, quiet, stay

APP = AppParameters(adoption=0.7, off=0.1, uninstall=0.02, ramp=2, false_sightings=0.0)
#: Every contact of two phones counts.
PERFECT = replace(
    APP, adoption=1.0, off=0.0, uninstall=0.0, ramp=0, detection=1.0, alert_minutes=0.0
)

Pairs = list[tuple[int, int]]


def ready(app: AppParameters, *, agents: int = 1000, days_gone: int = 4) -> Sim:
    sim = quiet(0, agents=agents)
    install(sim, app)
    stay(sim, everybody(sim)[::5], 3)
    for _ in range(days_gone):
        sim.step()
    return sim


def found(sim: Sim, app: AppParameters, cases: Ids, day: int) -> Pairs:
    weights = np.where(cases % 3 == 0, 0.0, 1.0)
    index, others = exposed(sim, app, cases, weights, day)
    return sorted(zip(cases[index].tolist(), others.tolist(), strict=True))


def brute_force(sim: Sim, app: AppParameters, cases: Ids, day: int) -> Pairs:
    """Every contact that `contacts_of` lists, judged one by one in plain Python."""
    room = int(most_slots(sim.people))
    out_ids, out_layers = np.empty(room, np.int32), np.empty(room, np.uint8)
    phones = phone_day(sim, app, day)
    home = [int(bits) >> (sim.day - day) & 1 for bits in sim.state.isolation.tolist()]
    pairs = []
    for i in cases.tolist():
        if i % 3 == 0 or not is_on(i, phones):
            continue
        number = contacts_of(i, phones.contacts, sim.people, out_ids, out_layers)
        for j, layer in zip(out_ids[:number], out_layers[:number], strict=True):
            if layer and (home[i] or home[j]):
                continue
            if is_on(j, phones) and counts(i, int(j), int(layer), 1.0, phones):
                pairs.append((i, int(j)))
    return sorted(pairs)


def test_exposures_are_those_of_every_contact_judged_one_by_one() -> None:
    sim = ready(APP)
    cases = everybody(sim)[::4]

    for day in range(4):
        expected = brute_force(sim, APP, cases, day)
        assert expected
        assert expected == found(sim, APP, cases, day)


def test_both_need_the_app_on_that_day() -> None:
    sim = ready(APP)
    day = 1
    pairs = found(sim, replace(APP, off=0.0), everybody(sim), day)
    sim.state.app_from[:] = np.where(sim.state.app_from <= day, sim.state.app_from, -1)
    had = has_app(sim, everybody(sim), day)

    assert pairs
    assert all(had[i] and had[j] for i, j in pairs)


def test_perfect_phones_see_every_contact() -> None:
    sim = ready(PERFECT, agents=500)
    people = everybody(sim)
    who, whom, _ = sim.contacts(2, people)

    expected = sorted(
        (i, j) for i, j in zip(who.tolist(), whom.tolist(), strict=True) if i % 3
    )

    assert expected == found(sim, PERFECT, people, 2)


def test_few_users_see_a_share_of_contacts_that_goes_with_its_square() -> None:
    """A7. False alarm: below 1e-5; five standard errors of a Poisson number."""
    adoption = {0.1: 0.0, 0.2: 0.0, 1.0: 0.0}
    for share in adoption:
        app = replace(PERFECT, adoption=share, clustering=0.0, by_age=(1.0,) * 9)
        sim = ready(app, agents=20_000, days_gone=2)
        index, _ = exposed(sim, app, everybody(sim), np.ones(20_000), 1)
        adoption[share] = len(index)

    for share in (0.1, 0.2):
        expected = share**2 * adoption[1.0]
        error = math.sqrt(2 * expected)  # each contact is seen from both ends
        assert abs(adoption[share] - expected) < 5 * error + 0.02 * expected


def test_strangers_are_heard_as_often_as_asked_for_and_through_walls() -> None:
    """False alarm: below 1e-6; five standard errors."""
    app = replace(PERFECT, detection=0.0, false_sightings=0.3)
    sim = ready(app, agents=20_000, days_gone=1)
    people = everybody(sim)
    index, others = exposed(sim, app, people, np.ones(20_000), 0)

    assert abs(len(index) - 6000) < 5 * math.sqrt(6000)
    assert (people[index] != others).all()
    assert len(np.unique(others)) > 4000
    at_home = sim.state.isolation[people[index]] >> 1 & 1
    assert abs(at_home.mean() - 0.2) < 5 * math.sqrt(0.16 / len(index))


def test_strangers_are_of_the_same_region() -> None:
    app = replace(PERFECT, detection=0.0, false_sightings=2.0)
    sim = quiet(0, agents=3000, population__region_size=1000)
    install(sim, app)
    sim.step()
    people = everybody(sim)
    index, others = exposed(sim, app, people, np.ones(len(people)), 0)

    region = sim.people.region
    assert len(np.unique(region)) > 1
    assert (region[people[index]] == region[others]).all()


def test_more_false_sightings_add_to_those_there_were() -> None:
    few, many = (
        replace(PERFECT, detection=0.0, false_sightings=rate) for rate in (0.5, 2.0)
    )
    sim = ready(few, agents=500)
    people = everybody(sim)

    before, after = found(sim, few, people, 1), found(sim, many, people, 1)

    assert len(before) < len(after)
    assert set(before) <= set(after)


def test_nobody_is_a_stranger_to_themselves() -> None:
    app = replace(PERFECT, detection=0.0, false_sightings=30.0)
    sim = ready(app, agents=200)

    pairs = found(sim, app, everybody(sim), 1)

    assert len(pairs) > 3000
    assert all(i != j for i, j in pairs)


def test_without_keys_nobody_is_exposed() -> None:
    sim = ready(PERFECT)
    people = everybody(sim)

    index, others = exposed(sim, PERFECT, people, np.zeros(len(people)), 1)
    assert index.size == others.size == 0

    index, others = exposed(sim, PERFECT, people[:0], np.zeros(0), 1)
    assert index.size == others.size == 0
