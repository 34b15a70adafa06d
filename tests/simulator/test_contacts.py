"""Contacts: the same whoever asks, and whenever."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from cosignal.simulator.contacts.attributes import (
    DOSE_MAX,
    contact_hours,
    contact_metres,
    dose,
    tables,
)
from cosignal.simulator.contacts.days import (
    DayContacts,
    day_contacts,
    stubs_per_contact,
)
from cosignal.simulator.contacts.edges import edges
from cosignal.simulator.contacts.slots import resolve_slot, slot_count, slot_layer
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import (
    CARE,
    COMMUNITY,
    HOUSEHOLD,
    SCHOOL,
    WORK,
    People,
)
from tests.simulator.chances import is_near
from tests.simulator.sample_people import meetings, parameters_of, people_of

MONDAY, SATURDAY, SUNDAY = 0, 5, 6


def today(day: int = MONDAY) -> DayContacts:
    return day_contacts(people_of(), parameters_of(), day)


@pytest.mark.parametrize("day", [MONDAY, SATURDAY, 100])
def test_i_meets_j_as_often_as_j_meets_i(day: int) -> None:
    found = meetings(today(day), people_of())
    assert found == {(j, i, layer): times for (i, j, layer), times in found.items()}


def test_some_contacts_are_with_other_regions() -> None:
    people = people_of()
    first, second, layer = edges(today(), people)
    away = people.region[first] != people.region[second]
    assert set(layer[away].tolist()) == {COMMUNITY}
    share = away.sum() / (layer == COMMUNITY).sum()
    assert 0.05 < share < 0.15


@pytest.mark.parametrize("day", [MONDAY, SUNDAY])
def test_the_edges_are_the_contacts_of_everybody(day: int) -> None:
    first, second, layer = (part.tolist() for part in edges(today(day), people_of()))
    found = meetings(today(day), people_of())
    both = sorted(zip(first, second, layer, strict=True))
    assert both == sorted(key for key in found.elements() if key[0] < key[1])


@pytest.mark.parametrize("day", [MONDAY, SATURDAY])
def test_nobody_meets_themselves(day: int) -> None:
    assert all(i != j for i, j, _ in meetings(today(day), people_of()))


def test_slots_bound_the_contacts() -> None:
    people = people_of()
    found = np.zeros(len(people.age), int)
    for (i, _, _), times in meetings(today(), people).items():
        found[i] += times
    slots = [slot_count(i, people) for i in range(len(people.age))]
    assert (found <= slots).all()
    assert found.max() > 10


def test_the_layer_of_a_slot_is_known_before_whom_it_holds() -> None:
    people = with_ring(people_of(), WORK)
    seen: Counter[int] = Counter()
    for i in range(0, len(people.age), 7):
        for slot in range(slot_count(i, people)):
            _, layer = resolve_slot(i, slot, today(), people)
            seen[layer] += 1

            assert layer == slot_layer(i, slot, people)
    assert set(seen) == {HOUSEHOLD, SCHOOL, WORK, CARE, COMMUNITY}
    assert seen[WORK] > len(people.age) / 7


def with_ring(people: People, layer: int) -> People:
    """Everybody is connected with the next one as well."""
    ids = np.arange(len(people.age), dtype=np.int32)
    return people._replace(
        network_start=np.arange(len(ids) + 1, dtype=np.int64) * 2,
        network_others=np.stack([np.roll(ids, 1), np.roll(ids, -1)], axis=1).ravel(),
        network_layer=np.full(2 * len(ids), layer, np.uint8),
        network_rate=np.ones(2 * len(ids), np.float32),
    )


def test_a_household_is_together_every_day() -> None:
    people = people_of()
    sizes = np.diff(people.household_start)[people.household]
    for day in (MONDAY, SUNDAY):
        met = np.zeros(len(people.age), int)
        for i, _, layer in meetings(today(day), people).elements():
            met[i] += layer == HOUSEHOLD
        assert (sizes - 1 == met).all()


def test_on_a_day_of_full_use_everybody_is_met_as_often_as_they_have_stubs() -> None:
    people = people_of()
    stubs = np.diff(people.stub_start)
    met, meets = np.zeros_like(stubs), np.zeros_like(stubs)
    for i, j, layer in meetings(today(SATURDAY), people).elements():
        meets[i] += layer == COMMUNITY
        met[j] += layer == COMMUNITY
    assert (met == meets).all()
    missing = stubs - met
    assert (missing >= 0).all()
    assert (missing % 2 == 0).all()  # only one's own other stub is no contact
    assert missing.sum() < 0.02 * stubs.sum()  # in regions of 700


def test_past_days_look_the_same_again() -> None:
    before = [meetings(today(day), people_of()) for day in (3, 4)]
    for day in range(30):
        today(day)
    assert before == [meetings(today(day), people_of()) for day in (3, 4)]
    assert before[0] != before[1]


def test_another_seed_has_other_contacts() -> None:
    other = parameters_of().with_values({"seed": 2})
    first = edges(today(), people_of())[0]
    second = edges(day_contacts(people_of(), other, MONDAY), people_of())[0]
    assert len(first) != len(second) or (first != second).any()


def test_fewer_contacts_are_some_of_the_contacts() -> None:
    people, parameters = people_of(), parameters_of()
    shares = (0.0, 0.3, 0.6, 0.9, 1.0)
    found = [
        meetings(day_contacts(people, parameters, MONDAY, (share,) * 5), people)
        for share in shares
    ]
    for fewer, more in pairwise(found):
        assert fewer <= more
        assert fewer.total() < more.total()
    assert not found[0]


@pytest.mark.parametrize("layer", [HOUSEHOLD, SCHOOL, WORK, COMMUNITY])
def test_a_factor_is_the_share_that_remains(layer: int) -> None:
    people, parameters = people_of(agents=40_000), parameters_of(agents=40_000)
    factors = np.ones(5)
    factors[layer] = 0.4
    everything = edges(day_contacts(people, parameters, MONDAY), people)[2]
    rest = edges(day_contacts(people, parameters, MONDAY, factors), people)[2]
    before, after = (np.bincount(part, minlength=5) for part in (everything, rest))
    error = (0.4 * 0.6 / before[layer]) ** 0.5
    assert is_near(after[layer] / before[layer], 0.4, error)
    assert (np.delete(before, layer) == np.delete(after, layer)).all()


@pytest.mark.parametrize("layer", [SCHOOL, WORK, CARE])
def test_two_of_a_place_meet_at_its_rate(layer: int) -> None:
    people, parameters = people_of(agents=40_000), parameters_of(agents=40_000)
    of_kind = people.place_kind == layer
    sizes = np.diff(people.place_start)[of_kind]
    rates = people.place_rate[of_kind].astype(float)
    pairs = sizes * (sizes - 1) / 2
    error = (pairs * rates * (1 - rates)).sum() ** 0.5
    for day in (0, 1):
        found = edges(day_contacts(people, parameters, day), people)[2]
        assert is_near((found == layer).sum(), (pairs * rates).sum(), error)


def test_school_and_work_rest_at_weekends_and_in_holidays() -> None:
    people = people_of()
    parameters = parameters_of().with_values({"contacts.holidays": [[7, 14]]})
    layers = {
        day: set(edges(day_contacts(people, parameters, day), people)[2].tolist())
        for day in (0, 4, 5, 6, 7, 13, 14)
    }
    always = {HOUSEHOLD, CARE, COMMUNITY}
    week = always | {SCHOOL, WORK}
    assert layers[0] == layers[4] == layers[14] == week
    assert layers[5] == layers[6] == layers[13] == always
    assert layers[7] == always | {WORK}


def test_the_first_day_may_be_any_weekday() -> None:
    parameters = parameters_of().with_values({"start_weekday": 5})
    layer = edges(day_contacts(people_of(), parameters, 0), people_of())[2]
    assert SCHOOL not in layer


@pytest.mark.parametrize("weekend", [0.0, 0.5, 1.0, 1.2])
def test_weekends_have_their_share_and_the_week_its_mean(weekend: float) -> None:
    parameters = parameters_of(agents=40_000, contacts__weekend_community=weekend)
    people = people_of(agents=40_000, contacts__weekend_community=weekend)
    found = [
        int(
            (edges(day_contacts(people, parameters, day), people)[2] == COMMUNITY).sum()
        )
        for day in range(7)
    ]
    weekday = sum(found[:5]) / 5
    assert sum(found[5:]) / 2 == pytest.approx(weekend * weekday, rel=0.02)
    stubs = len(people.stubs) / 2
    expected = stubs / stubs_per_contact(parameters.contacts)
    assert sum(found) / 7 == pytest.approx(expected, rel=0.01)


def attributes(layer: int) -> tuple[list[float], list[float], list[float]]:
    day = today()
    pairs = [(i, i + 1 + i % 7) for i in range(20_000)]
    return (
        [contact_hours(i, j, layer, day) for i, j in pairs],
        [contact_metres(i, j, layer, day) for i, j in pairs],
        [dose(i, j, layer, day) for i, j in pairs],
    )


@pytest.mark.parametrize("layer", range(5))
def test_doses_are_bounded_and_one_on_average(layer: int) -> None:
    doses = np.array(attributes(layer)[2])
    assert doses.min() > 0
    assert doses.max() <= DOSE_MAX
    assert is_near(doses.mean(), 1.0, doses.std() / len(doses) ** 0.5)


@pytest.mark.parametrize("hours", [0.1, 2.0, 10.0, 1000.0])
@pytest.mark.parametrize("row", [0, 1])
def test_the_mean_dose_is_one_however_it_saturates(hours: float, row: int) -> None:
    contacts = Parameters().with_values({"contacts.dose_saturation": hours}).contacts
    _, _, by_hours, by_metres = tables(contacts)

    doses = np.minimum(np.multiply.outer(by_hours[row], by_metres), DOSE_MAX)

    assert doses.mean() == pytest.approx(1.0, rel=0.005)


def test_a_dose_is_linear_at_first_and_flattens() -> None:
    contacts = Parameters().with_values({"contacts.dose_saturation": 10.0}).contacts
    hours, _, by_hours, _ = tables(contacts)
    dose_of = [np.interp(x, hours[1], by_hours[1]) for x in (0.25, 0.5, 5.0, 10.0)]

    quarter, half, five, ten = dose_of
    assert half == pytest.approx(2 * quarter, rel=0.03)
    assert five == pytest.approx(half * (1 - np.exp(-0.5)) / (1 - np.exp(-0.05)), 0.01)
    assert ten < 1.7 * five


def test_durations_and_distances_have_their_quantiles() -> None:
    hours, metres, _ = attributes(COMMUNITY)
    low, median, high = np.quantile(hours, [0.25, 0.5, 0.75])
    assert median == pytest.approx(0.7, rel=0.05)
    assert low == pytest.approx(0.35, rel=0.06)
    assert high == pytest.approx(1.4, rel=0.06)
    assert np.mean(metres) == pytest.approx(1.5, rel=0.03)
    assert np.var(metres) == pytest.approx(1.5**2 / 2, rel=0.06)


def test_households_are_together_for_long() -> None:
    hours = np.array(attributes(HOUSEHOLD)[0])
    assert np.median(hours) > 5 * np.median(attributes(WORK)[0])
    # Diaries of the UK and Germany: 0.70 and 0.67 last for more than four hours.
    assert np.mean(hours > 4) == pytest.approx(0.685, abs=0.02)


def test_both_see_the_same_contact() -> None:
    day = today()
    for i, j in ((1, 2), (17, 2500), (999, 4)):
        for attribute in (contact_hours, contact_metres, dose):
            assert attribute(i, j, WORK, day) == attribute(j, i, WORK, day)


def test_longer_and_nearer_contacts_transmit_more() -> None:
    hours, metres, doses = (np.array(part) for part in attributes(COMMUNITY))
    near = (metres > 0.9) & (metres < 1.1)
    order = np.argsort(hours[near])
    assert (np.diff(doses[near][order][::200]) > 0).mean() > 0.7
    assert np.corrcoef(doses, metres)[0, 1] < -0.3


def test_contacts_of_two_layers_and_of_two_days_differ() -> None:
    one, other = today(0), today(1)
    assert contact_hours(1, 2, WORK, one) != contact_hours(1, 2, SCHOOL, one)
    assert contact_hours(1, 2, WORK, one) != contact_hours(1, 2, WORK, other)
