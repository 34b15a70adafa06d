"""Results against plain counting."""

import math
import pickle

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.results import Results
from cosignal.simulator.results.infections import InfectionTable
from cosignal.simulator.results.reproduction import growth_rate, instantaneous
from cosignal.simulator.results.trees import first_reproduction, tree
from cosignal.simulator.series import SERIES
from cosignal.simulator.simulation import Sim
from tests.simulator import golden


@pytest.fixture(scope="module")
def sim() -> Sim:
    variant = {"name": "b", "day": 30, "seeds": 30, "cross_immunity": 0.2}
    made = Sim("FR", agents=4000, days=90, r0=3.0, seed=4, variants=[variant])
    made.run()
    return made


@pytest.fixture(scope="module")
def results(sim: Sim) -> Results:
    return sim.results


def table(*rows: tuple[int, int, int, int]) -> InfectionTable:
    """Person, infector, day, days since the infector's infection."""
    person, infector, day, since = np.array(rows, np.int64).T
    layer = np.where(infector < 0, 255, 4).astype(np.uint8)
    return InfectionTable(
        person.astype(np.int32),
        infector.astype(np.int32),
        day.astype(np.int16),
        layer,
        np.zeros(len(rows), np.uint8),
        since.astype(np.int16),
        np.zeros(len(rows), np.uint8),
    )


def test_a_tree_finds_the_infection_that_was_going_on() -> None:
    # Person 1 is infected twice, and infects somebody each time.
    found = tree(
        table(
            (1, -1, 0, -1), (2, 1, 5, 5), (1, 2, 50, 45), (3, 1, 54, 4), (4, 3, 60, 6)
        )
    )

    assert found.parent.tolist() == [-1, 0, 1, 2, 3]
    assert found.children.tolist() == [1, 1, 1, 1, 0]
    assert found.generation.tolist() == [0, 1, 2, 3, 4]


def test_the_tree_of_a_run_is_that_of_a_plain_walk(results: Results) -> None:
    infections = results.infections
    last: dict[int, int] = {}
    parent = []
    for row, (person, infector) in enumerate(
        zip(infections.person.tolist(), infections.infector.tolist(), strict=True)
    ):
        parent.append(-1 if infector < 0 else last[infector])
        last[person] = row

    found = results.tree()

    assert (np.bincount(infections.person) > 1).any()
    assert found.parent.tolist() == parent
    children = np.bincount([one for one in parent if one >= 0], minlength=len(parent))
    assert found.children.tolist() == children.tolist()
    inner = found.parent >= 0
    parents = found.parent[inner]
    assert np.all(found.generation[inner] == found.generation[parents] + 1)
    assert np.all(infections.day[inner] > infections.day[parents])
    assert np.all(
        infections.since[inner] == infections.day[inner] - infections.day[parents]
    )
    assert np.all(infections.variant[inner] == infections.variant[parents])


def test_people_are_infected_where_both_are(sim: Sim, results: Results) -> None:
    found, people = results.infections, sim.people
    at_home, at_place = found.layer == 0, np.isin(found.layer, (1, 2, 3))

    assert at_home.sum() > 100
    assert at_place.sum() > 100
    assert np.array_equal(
        people.household[found.person[at_home]],
        people.household[found.infector[at_home]],
    )
    places = people.place[found.person[at_place]]
    assert np.array_equal(places, people.place[found.infector[at_place]])
    assert np.array_equal(people.place_kind[places], found.layer[at_place])


def test_shares_add_up(results: Results) -> None:
    shares = results.shares()

    assert sum(shares["layer"].values()) == pytest.approx(1)
    assert sum(shares["phase"].values()) == pytest.approx(1)
    between = results.infections.infector >= 0
    household = (results.infections.layer[between] == 0).mean()
    assert shares["layer"]["household"] == pytest.approx(household)


def test_the_cohort_reproduction_number_counts_children(results: Results) -> None:
    day = 12
    found = results.tree().children[results.infections.day == day]

    assert results.r_t("cohort")[day] == pytest.approx(found.mean())
    assert results.r_t("cohort").shape == (90,)


def test_the_instantaneous_reproduction_number_is_that_of_a_renewal_process() -> None:
    profile = np.array([0.0, 0.2, 0.5, 0.3])
    local, outside = np.zeros(60), np.zeros(60)
    outside[0] = 100.0
    for day in range(1, 60):
        r = 2.0 if day < 30 else 0.5
        before = [
            (local + outside)[day - since] * profile[since]
            for since in range(1, 4)
            if since <= day
        ]
        local[day] = r * sum(before)

    found = instantaneous(local, outside, profile, window=7)

    assert np.all(np.isnan(found[:7]))
    assert found[7:30] == pytest.approx(2.0)
    assert found[36:] == pytest.approx(0.5)
    assert 0.5 < found[32] < 2.0


def test_the_growth_rate_of_exponential_growth_is_found() -> None:
    infections = 20 * np.exp(0.12 * np.arange(60))

    assert growth_rate(infections, range(5, 60)) == pytest.approx(0.12, abs=1e-6)
    assert math.isnan(growth_rate(np.zeros(60), range(5, 60)))
    assert math.isnan(growth_rate(infections, range(0)))
    assert math.isnan(growth_rate(infections, range(5, 18)))


def test_quiet_weekends_do_not_tilt_the_growth_rate() -> None:
    weekend = np.where(np.arange(60) % 7 >= 5, 0.4, 1.0)
    infections = 20 * np.exp(0.12 * np.arange(60)) * weekend

    for first in range(7):
        found = growth_rate(infections, range(first, first + 14))
        assert found == pytest.approx(0.12, abs=1e-6)


def test_early_cases_are_those_infected_by_others_within_the_window() -> None:
    rows = table(
        (1, -1, 0, -1),
        (2, 1, 3, 3),  # before the window
        (3, 1, 5, 5),  # infects one
        (4, 2, 6, 3),  # infects two
        (5, -1, 6, -1),  # from outside, infects one
        (6, 3, 9, 4),
        (7, 4, 9, 3),
        (8, 4, 12, 6),
        (9, 5, 12, 6),
    )

    found = tree(rows)

    assert first_reproduction(found, rows.day, range(5, 7)) == 1.5
    assert first_reproduction(found, rows.day, range(5, 10)) == 0.75
    assert math.isnan(first_reproduction(found, rows.day, range(20, 25)))
    assert math.isnan(first_reproduction(found, rows.day, range(0)))


def test_summary_is_what_series_say(results: Results) -> None:
    found = results.summary()

    infections = results.series("infections")
    people = np.unique(results.infections.person)
    assert found["infections"] == infections.sum() == len(results.infections.person)
    assert found["attack_rate"] == len(people) / 4000
    # Day 0 is no peak: its infections were asked for.
    peak = infections[1:].max()
    assert found["peak_infections"] == peak
    assert infections[int(found["peak_day"])] == peak
    assert found["imports"] == np.sum(results.infections.infector < 0)
    assert found["deaths"] == results.series("deaths").sum()
    assert found["quarantine_days"] == results.series("in_quarantine").sum()
    assert found["generation_time"] == results.generation_times().mean()
    assert math.isnan(found["ppv"])
    assert found["reinfections"] == found["infections"] - len(people) > 0
    variants = np.bincount(results.infections.variant)
    names = ("infections_variant_first", "infections_variant_b")
    assert [found[name] for name in names] == variants.tolist()
    assert found["closure_days"] == found["vaccinated"] == 0


def test_variants_of_one_name_are_told_apart() -> None:
    variants = [{"name": "b", "seeds": 3}, {"name": "b", "seeds": 4}]

    found = Sim("FR", agents=300, days=1, disease__seeds=5, variants=variants).run()

    summary = found.summary()
    names = [name for name in summary if name.startswith("infections_variant_")]
    assert names == [f"infections_variant_{end}" for end in ("first", "b_1", "b_2")]
    assert sum(summary[name] for name in names) == summary["infections"]


def test_days_with_a_closure_count_once_and_only_while_it_is_in_force() -> None:
    closures = [
        {"layer": "school", "start": 2, "stop": 6},
        {"layer": "work", "start": 4, "stop": 9},
        {"layer": "care", "start": 0, "trigger": 100_000.0},
    ]

    found = Sim("FR", agents=300, days=12, closures=closures).run()

    expected = [0, 0, 1, 1, 2, 2, 1, 1, 1, 0, 0, 0]
    assert found.series("closures").tolist() == expected
    assert found.summary()["closure_days"] == 7


def test_what_was_never_counted_is_zero(results: Results) -> None:
    assert results.series("vaccinated").tolist() == [0.0] * 90


def test_a_series_that_does_not_exist_is_refused_with_the_nearest(
    results: Results,
) -> None:
    with pytest.raises(UsageError) as caught:
        results.series("casess")

    assert "expected a daily series of the run, got 'casess'" in str(caught.value)
    assert caught.value.advice.startswith("Did you mean cases")
    assert "in_quarantine_infected" in caught.value.advice


def test_a_series_of_an_own_intervention_is_known_once_recorded() -> None:
    class Masks:
        start: int = 0
        stop: int | None = None

        def apply(self, sim: Sim, day: int) -> None:
            sim.record.add("masks", day, 2.0)

    found = Sim("FR", agents=200, days=3, interventions=[Masks()]).run()

    assert found.series("masks").tolist() == [2.0] * 3
    with pytest.raises(UsageError, match="got 'masques'"):
        found.series("masques")


def test_the_list_of_series_has_what_runs_count_and_nothing_else() -> None:
    everything = golden.run("switzerland-omicron-app")

    assert set(SERIES) == set(everything.by_age)


def test_an_unknown_method_is_refused(results: Results) -> None:
    with pytest.raises(UsageError, match="expected instantaneous or cohort"):
        results.r_t("guess")


def test_results_without_infections_have_no_figures_to_divide_by() -> None:
    found = Sim("FR", agents=200, days=5, disease__seeds=0).run()

    summary = found.summary()

    assert summary["infections"] == 0
    assert math.isnan(summary["r"])
    assert math.isnan(summary["share_household"])


def test_results_can_be_sent_elsewhere(results: Results) -> None:
    sent = pickle.loads(pickle.dumps(results))  # noqa: S301 - our own bytes

    assert sent.summary() == pytest.approx(results.summary(), nan_ok=True)
    assert np.array_equal(sent.infections.person, results.infections.person)


def test_a_result_gives_its_run_again(results: Results) -> None:
    again = Sim(parameters=results.parameters).run()

    for name, column in again.infections._asdict().items():
        assert np.array_equal(column, getattr(results.infections, name))
    for name, series in results.by_age.items():
        assert np.array_equal(series, again.by_age[name])
