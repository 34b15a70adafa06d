import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.contacts.slots import contacts_of, most_slots
from cosignal.simulator.interventions import LayerClosure
from cosignal.simulator.interventions.past import past_contacts
from cosignal.simulator.parameters.behaviour import Closure
from cosignal.simulator.simulation import Sim
from cosignal.simulator.state import DEAD
from tests.simulator.quiet_runs import everybody, ids, quiet, stay

Triple = tuple[int, int, int]


def found(sim: Sim, day: int, *cases: int) -> list[Triple]:
    index, others, layers = past_contacts(sim, ids(*cases), day)
    who = [cases[place] for place in index.tolist()]
    return sorted(zip(who, others.tolist(), layers.tolist(), strict=True))


def brute_force(sim: Sim, day: int, *cases: int) -> list[Triple]:
    """What `contacts_of` lists, less those who stayed at home; in plain Python."""
    room = int(most_slots(sim.people))
    out_ids, out_layers = np.empty(room, np.int32), np.empty(room, np.uint8)
    listed = []
    for i in cases:
        number = contacts_of(i, sim.contacts_on(day), sim.people, out_ids, out_layers)
        listed += [(i, int(out_ids[at]), int(out_layers[at])) for at in range(number)]
    ago = sim.day - day
    home = {
        person
        for person in range(len(sim.people.age))
        if int(sim.state.isolation[person]) >> ago & 1
    }
    return sorted(
        (i, j, layer) for i, j, layer in listed if layer == 0 or not {i, j} & home
    )


def elsewhere(triples: list[Triple]) -> list[Triple]:
    return [triple for triple in triples if triple[2] != 0]


def test_past_contacts_are_those_of_the_day_less_who_stayed_at_home() -> None:
    sim = quiet(3)
    stay(sim, everybody(sim)[::3], 5)
    for _ in range(4):
        sim.step()
    cases = range(0, 1000, 7)

    for day in range(7):
        assert brute_force(sim, day, *cases) == found(sim, day, *cases)
    assert len(found(sim, 3, *cases)) < 0.6 * len(found(sim, 2, *cases))


def test_who_stayed_at_home_then_is_not_traced_though_at_large_today() -> None:
    sim = quiet(1)
    day = 1
    sim.step()
    case, contact, _ = elsewhere(found(sim, day, *range(100)))[0]

    sim = quiet(1)
    stay(sim, ids(contact), 2)
    sim.step()
    sim.step()
    assert sim.state.isolated_until[contact] <= sim.day
    assert contact not in {other for _, other, _ in elsewhere(found(sim, day, case))}

    sim = quiet(1)
    stay(sim, ids(case), 2)
    sim.step()
    sim.step()
    assert elsewhere(found(sim, day, case)) == []
    assert elsewhere(found(sim, day + 1, case)) == elsewhere(
        brute_force(sim, day + 1, case)
    )


def test_who_was_at_large_then_is_traced_though_at_home_today() -> None:
    sim = quiet(2)
    before = found(sim, 1, *range(100))
    stay(sim, everybody(sim), 20)

    assert before == found(sim, 1, *range(100))

    sim.step()
    sim.step()
    assert before == found(sim, 1, *range(100))
    assert elsewhere(found(sim, 2, *range(100))) == []


def test_members_of_a_household_meet_whoever_stays_at_home() -> None:
    sim = quiet(0)
    stay(sim, everybody(sim), 20)
    sim.step()

    layers = {layer for _, _, layer in found(sim, 0, *range(100))}

    assert {0} == layers


def test_a_past_day_has_its_own_closures() -> None:
    school = LayerClosure(Closure(layer="school", factor=0.0, start=1, stop=2))
    sim = Sim("FR", agents=1000, interventions=[school], disease__seeds=0)
    for _ in range(3):
        sim.step()

    at_school = [
        sum(layer == 1 for _, _, layer in found(sim, day, *range(1000)))
        for day in range(3)
    ]

    assert at_school[1] == 0
    assert min(at_school[0], at_school[2]) > 0


def test_a_forgotten_day_cannot_be_asked_for() -> None:
    sim = quiet(40)
    past_contacts(sim, ids(1), 9)

    with pytest.raises(UsageError, match="contacts_on"):
        past_contacts(sim, ids(1), 8)


def test_who_was_in_hospital_or_dead_met_nobody_not_even_at_home() -> None:
    sim = quiet(0)
    sizes = np.diff(sim.people.household_start)
    first = int(sim.people.household_start[np.flatnonzero(sizes >= 4)[0]])
    patient, dead, case = first, first + 1, first + 2
    sim.state.hospital_day[patient], sim.state.end_day[patient] = 2, 5
    for day in range(6):
        if day == 4:
            sim.state.status[dead] = DEAD
        sim.step()
    # Infected anew, and as ill as before: of the first stay nothing is left there.
    sim.state.hospital_day[patient], sim.state.end_day[patient] = 6, 9

    def at_home(day: int, person: int) -> set[int]:
        _, whom, layer = sim.contacts(day, ids(person))
        others = {j for _, j, kind in found(sim, day, person) if kind == 0}
        assert others == set(whom[layer == 0].tolist())
        return others

    for day in range(6):
        away = {patient} if 2 <= day < 5 else set()
        away |= {dead} if day >= 4 else set()
        assert at_home(day, case) & {patient, dead} == {patient, dead} - away
        assert all(at_home(day, person) == set() for person in away)


def test_contacts_of_past_days_stay_as_they_were_whatever_comes_later() -> None:
    """With reinfections of whom the first infection brought into hospital."""
    seen: dict[int, list[bytes]] = {}
    changed: list[int] = []

    def looked_at(sim: Sim, day: int) -> list[bytes]:
        people = everybody(sim)
        both = (*past_contacts(sim, people, day), *sim.contacts(day, people))
        return [part.tobytes() for part in both]

    def look(sim: Sim, day: int) -> None:
        seen[day] = looked_at(sim, day)
        past = range(max(day - 30, 0), day) if day % 10 == 9 else ()
        changed.extend(old for old in past if seen[old] != looked_at(sim, old))

    sim = Sim(
        "FR",
        agents=1000,
        days=70,
        r0=6.0,
        analysers=[look],
        disease__seeds=100,
        disease__immunity=0.0,
        disease__immunity_severe=0.0,
        disease__symptomatic=(0.7,) * 9,
        disease__severe=(0.3,) * 9,
        disease__critical=(0.0,) * 9,
        disease__fatal=(0.0,) * 9,
        disease__imports=20.0,
    )
    sim.run()

    again = sim.state.infections > 1
    assert np.count_nonzero(again & (sim.state.hospital_day >= 0)) > 50
    assert changed == []
