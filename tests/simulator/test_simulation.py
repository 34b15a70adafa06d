import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.contacts.edges import edges
from cosignal.simulator.interventions import Intervention, is_active
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.simulation import Sim
from tests.simulator.quiet_runs import stay


class Note:
    """Writes down on which days it acts."""

    def __init__(self, start: int, stop: int | None) -> None:
        self.start, self.stop = start, stop
        self.days: list[int] = []

    def apply(self, sim: Sim, day: int) -> None:
        assert sim.day == day
        self.days.append(day)


def test_a_parameter_is_set_by_its_short_or_dotted_name() -> None:
    sim = Sim(
        "UK",
        agents=500,
        days=3,
        seed=8,
        r0=1.5,
        app=AppParameters(adoption=0.3, window=5),
        testing__capacity=0.1,
    )

    assert sim.parameters == Parameters().with_values(
        {
            "population.place": "UK",
            "population.agents": 500,
            "days": 3,
            "seed": 8,
            "disease.r0": 1.5,
            "app.adoption": 0.3,
            "app.window": 5,
            "testing.capacity": 0.1,
        }
    )


def test_a_wrong_parameter_is_refused_when_it_is_given() -> None:
    with pytest.raises(UsageError, match=r"app\.adoption: expected 0 to 1, got 1.5"):
        Sim(app__adoption=1.5)
    with pytest.raises(UsageError, match="days: expected 1 to 10000, got -3"):
        Sim(days=-3)
    with pytest.raises(UsageError, match="agnets"):
        Sim(agnets=3)
    with pytest.raises(UsageError, match="threads: expected 1 or more, got 0"):
        Sim(threads=0)


def test_the_same_parameters_give_the_same_run_and_another_seed_another_one() -> None:
    def people(seed: int) -> list[int]:
        sim = Sim("FR", agents=2000, days=30, seed=seed, app__adoption=0.6)
        found: list[int] = sim.run().infections.person.tolist()
        return found

    assert people(1) == people(1)
    assert people(1) != people(2)


def test_a_run_in_steps_is_the_run_at_once() -> None:
    whole = Sim("FR", agents=2000, days=20, seed=1).run()
    steps = Sim("FR", agents=2000, days=20, seed=1)
    for _ in range(20):
        steps.step()

    assert steps.day == 20
    assert np.array_equal(steps.results.infections.person, whole.infections.person)
    assert steps.results.summary() == pytest.approx(whole.summary(), nan_ok=True)


def test_a_run_that_is_over_goes_no_further() -> None:
    sim = Sim("FR", agents=200, days=2, disease__seeds=2)
    sim.run()

    with pytest.raises(UsageError, match="the run is over"):
        sim.step()


def test_progress_is_told_after_each_day() -> None:
    told: list[tuple[int, int]] = []

    Sim("FR", agents=200, days=3, disease__seeds=2).run(
        lambda day, days: told.append((day, days))
    )

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_interventions_act_from_their_first_day_to_the_day_before_their_last() -> None:
    some, rest = Note(2, 4), Note(3, None)

    Sim("FR", agents=200, days=6, disease__seeds=2, interventions=(some, rest)).run()

    assert some.days == [2, 3]
    assert rest.days == [3, 4, 5]
    assert isinstance(some, Intervention)
    assert not is_active(some, 4)


def test_an_intervention_that_does_nothing_changes_nothing() -> None:
    plain = Sim("FR", agents=2000, days=25, interventions=()).run()
    noted = Sim("FR", agents=2000, days=25, interventions=(Note(0, None),)).run()

    assert np.array_equal(plain.infections.person, noted.infections.person)


def test_factors_close_layers_for_the_day_only() -> None:
    class Closed(Note):
        def apply(self, sim: Sim, day: int) -> None:
            super().apply(sim, day)
            sim.factors[1:] = 0

    closed = Closed(0, 1)
    sim = Sim("FR", agents=1000, days=2, disease__seeds=2, interventions=(closed,))
    sim.run()

    layers = [edges(sim.contacts_on(day), sim.people)[2] for day in (0, 1)]
    assert layers[0].max() == 0
    assert layers[1].max() == 4
    assert len(layers[0]) > 100


def test_contacts_of_the_last_31_days_can_be_looked_at_again() -> None:
    sim = Sim("FR", agents=500, days=40, disease__seeds=1)
    sim.run()

    assert sim.contacts_on(9).day == 9
    for day in (8, 40):
        with pytest.raises(UsageError, match="expected one of the last 31"):
            sim.contacts_on(day)


def test_contacts_are_those_of_people_who_went_out_that_day() -> None:
    class StayAtHome(Note):
        def apply(self, sim: Sim, day: int) -> None:
            everybody = np.arange(0, len(sim.people.age), dtype=np.int32)
            at_home = everybody[everybody % 5 == day]
            stay(sim, at_home, day + 1)

    own = (StayAtHome(0, None),)
    sim = Sim("FR", agents=600, days=8, seed=1, interventions=own, disease__seeds=0)
    sim.run()
    everybody = np.arange(600, dtype=np.int32)

    for day in range(5):
        who, whom, layer = sim.contacts(day, everybody)

        out = layer > 0
        assert out.sum() > 200
        assert not np.any((who[out] % 5 == day) | (whom[out] % 5 == day))
        one, other, kind = edges(sim.contacts_on(day), sim.people)
        at_large = (kind == 0) | ~((one % 5 == day) | (other % 5 == day))
        assert len(who) == 2 * at_large.sum()
        assert set(zip(who.tolist(), whom.tolist(), strict=True)) == set(
            zip(whom.tolist(), who.tolist(), strict=True)
        )


def test_isolation_keeps_the_later_day_and_the_weightier_reason() -> None:
    sim = Sim("FR", agents=200, days=30, disease__seeds=0, interventions=())
    ids = np.array([3, 4], np.int32)

    sim.isolate(ids, np.array([10, 5]), quarantined=True)
    sim.isolate(ids, 7, quarantined=False)
    sim.isolate(ids, 12, quarantined=True)

    assert sim.state.isolated_until[ids].tolist() == [12, 12]
    assert sim.state.quarantined[ids].tolist() == [0, 0]


def test_isolation_is_remembered_by_days_ago() -> None:
    sim = Sim("FR", agents=200, days=40, disease__seeds=0, interventions=())
    stay(sim, np.array([3], np.int32), 2)

    for _ in range(5):
        sim.step()

    # On day 5: at home on days 0 and 1, five and four days ago.
    assert int(sim.state.isolation[3]) == 0b110000
    assert sim.record.series("in_quarantine")[:5].tolist() == [1, 1, 0, 0, 0]


class Meddler:
    """Closes places for good, in the people themselves."""

    start: int = 2
    stop: int | None = None

    def apply(self, sim: Sim, day: int) -> None:
        assert day >= 2
        sim.people.place_rate[:] = 0


def test_an_intervention_cannot_change_people_whom_runs_share() -> None:
    own = Sim("FR", agents=300, seed=1).people
    others = own._replace(place_rate=own.place_rate.copy())
    assert others.place_rate.flags.writeable

    for population in (None, others):
        sim = Sim(
            "FR", agents=300, days=5, interventions=[Meddler()], population=population
        )
        with pytest.raises(UsageError, match="people: expected arrays that nobody"):
            sim.run()
        assert sim.day == 2

    assert np.array_equal(others.place_rate, own.place_rate)


def test_an_analyser_cannot_change_people_either() -> None:
    def meddle(sim: Sim, day: int) -> None:
        sim.people.place_rate[:] = day

    sim = Sim("FR", agents=300, analysers=[meddle])

    with pytest.raises(UsageError, match="people: expected arrays that nobody writes"):
        sim.step()


def test_other_errors_of_an_intervention_are_its_own() -> None:
    class Broken:
        start: int = 0
        stop: int | None = None

        def apply(self, sim: Sim, day: int) -> None:
            raise ValueError(f"{sim.day} {day}")

    with pytest.raises(ValueError, match="0 0"):
        Sim("FR", agents=300, days=5, interventions=[Broken()]).run()
