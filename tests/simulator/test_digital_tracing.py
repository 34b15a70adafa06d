"""Whole runs with the app: against theory, and against themselves."""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cosignal.simulator import interventions
from cosignal.simulator.contacts.attributes import DOSE_MAX
from cosignal.simulator.disease.tables import infectiousness
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.population.synthetic import synthetic
from cosignal.simulator.results.trees import tree
from cosignal.simulator.simulation import Sim
from tests.simulator.well_mixed import alike, well_mixed

Floats = npt.NDArray[np.float64]

CONTACTS = 4
INCUBATION = 8
SEEDS = 300
#: Generations that are looked at.
DEPTH = 4

#: Symptoms come after 8 days, a result on the same day, and cases stay at home.
CASES_STAY = {
    "disease__r0": 2.8,
    "disease__symptomatic": (1.0,) * 9,
    "disease__incubation_mean": float(INCUBATION),
    "disease__incubation_sd": 0.1,
    "testing__symptomatic": 1.0,
    "testing__background": 0.0,
    "testing__order_delay": 0.0,
    "testing__result_delay": 0.0,
    "testing__sensitivity": (1.0,) * 60,
    "testing__specificity": 1.0,
    "isolation__on_symptoms": 0.0,
    "isolation__on_positive": 1.0,
    "isolation__length": 60,
    # From the day of their infection until they have symptoms and a result.
    "isolation__quarantine_length": INCUBATION + 1,
    "isolation__drop_out": 0.0,
}
#: Every contact of two users is quarantined on the day of the result.
INSTANT = {
    "app__adoption": 1.0,
    "app__clustering": 0.0,
    "app__off": 0.0,
    "app__detection": 1.0,
    "app__alert_minutes": 0.0,
    "app__infectiousness_days": (-14, -13, 14, 15),
    "app__false_sightings": 0.0,
    "app__window": 14,
    "app__consent": 1.0,
    "app__code_delay": 0.0,
    "app__publish_delay": 0.0,
    "app__poll_interval": 0.1,
    "app__compliance": 1.0,
    "app__test_on_alert": 0.0,
}


@cache
def run(adoption: float) -> tuple[Sim, Floats]:
    """A run, and how many are infected in each of its first generations."""
    values = CASES_STAY | INSTANT | {"app__adoption": adoption}
    parameters = alike(**values, disease__seeds=SEEDS, days=24, seed=5)
    sim = Sim(parameters=parameters, population=crowd())
    sim.run()
    found = np.bincount(tree(sim.outbreak.infections()).generation, minlength=DEPTH)
    return sim, found[:DEPTH].astype(np.float64)


@cache
def crowd() -> People:
    return well_mixed(1_000_000, CONTACTS)


def offspring(sim: Sim) -> Floats:
    """Expected infections by somebody at large, by days since infection."""
    day = sim.contacts_on(sim.day - 1)
    product = np.multiply.outer(day.dose_hours[1, ::4], day.dose_metres[::4])
    doses = np.minimum(product, DOSE_MAX)
    profile = infectiousness(sim.parameters.disease)
    beta = sim.outbreak.beta
    means = [-np.expm1(-beta * share * doses).mean() for share in profile]
    return CONTACTS * np.array(means)


def next_generation(by_age: Floats) -> Floats:
    """Matrix of a branching process where contacts are quarantined at the result.

    Types are days from somebody's infection to the result of whoever infected them, on
    which they are quarantined. A child infected at age k has the type 8 - k, and is
    infected only before the parent's own result, and quarantine; or on that very day
    with probability 1/2. Keys of the day of the result are not published: a child
    infected on it has the last type, as have people without an infector.
    """
    never = INCUBATION + 1
    matrix = np.zeros((never + 1, never + 1))
    for kind in range(1, never + 1):
        last = min(INCUBATION, kind)
        for age in range(1, last + 1):
            child = INCUBATION - age if age < INCUBATION else never
            matrix[kind, child] += by_age[age] * (0.5 if age == last else 1.0)
    return matrix


def test_instant_tracing_of_all_contacts_leaves_what_branching_says() -> None:
    """A6. Four standard errors of a branching process: one in 10,000."""
    sim, found = run(1.0)
    matrix = next_generation(offspring(sim))
    kinds = np.zeros(len(matrix))
    kinds[-1] = SEEDS
    powers = [np.linalg.matrix_power(matrix, depth) for depth in range(DEPTH)]
    expected = np.array([(kinds @ power).sum() for power in powers])

    at_large = float(np.abs(np.linalg.eigvals(matrix)).max())
    untraced = matrix[-1].sum()
    assert at_large < 1
    assert untraced > 2.3
    error = np.sqrt(3 * expected)  # each parent's children come or stay away together
    assert (np.abs(found - expected) < 4 * error).all()


def test_few_users_avert_a_share_that_goes_with_its_square() -> None:
    """A7, in the second generation. Four standard errors: one in 10,000."""
    second = {share: run(share)[1][2] for share in (0.0, 0.25, 0.5, 1.0)}

    averted = {share: second[0.0] - left for share, left in second.items()}
    assert averted[1.0] > 0.7 * second[0.0]
    for share in (0.25, 0.5):
        expected = share**2 * averted[1.0]
        error = math.sqrt(3 * expected)
        assert abs(averted[share] - expected) < 4 * error


@cache
def town() -> People:
    return synthetic(Parameters().with_values({"population.agents": 20_000}))


@cache
def village() -> People:
    return synthetic(everything())


def simulated(parameters: Parameters, **options: Any) -> Sim:  # noqa: ANN401 - of Sim
    return Sim(parameters=parameters, population=village(), **options)


def infections(**values: Any) -> float:  # noqa: ANN401 - any parameter
    sim = Sim(agents=20_000, days=80, seed=4, population=town(), **values)
    return float(sim.run().series("infections").sum())


def test_more_adoption_means_fewer_infections() -> None:
    """A6: digital tracing alone, everything else perfect, over a whole epidemic."""
    perfect = INSTANT | {"testing__symptomatic": 1.0, "app__clustering": 0.3}
    left = [
        infections(**(perfect | {"app__adoption": share}))
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]

    assert sorted(left, reverse=True) == left
    assert left[4] < 0.5 * left[0]


def table(sim: Sim) -> list[list[int]]:
    sim.run()
    columns = sim.outbreak.infections()
    return [columns.person.tolist(), columns.infector.tolist(), columns.day.tolist()]


def everything(**values: Any) -> Parameters:  # noqa: ANN401 - any parameter
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Parameters().with_values(
        {
            "population.agents": 5000,
            "population.region_size": 1000,
            "days": 70,
            "app.adoption": 0.6,
            "app.second_order": True,
            "app.on_symptoms": True,
            "app.backward_window": 5,
            "app.uninstall": 0.01,
            "app.ramp": 20,
            "tracing.capacity": 0.001,
            "testing.capacity": 0.003,
            "isolation.smart_release": 5,
            "isolation.household_of_contacts": 0.3,
            "closures": [
                {"layer": "school", "factor": 0.2, "trigger": 100.0},
                {"layer": "work", "factor": 0.5, "start": 30, "stop": 50},
            ],
        }
        | named
    )


def same_series(one: Sim, other: Sim) -> bool:
    names = one.record.by_age.keys()
    return names == other.record.by_age.keys() and all(
        np.array_equal(one.record.by_age[name], other.record.by_age[name])
        for name in names
    )


def test_any_number_of_threads_gives_the_same_run() -> None:
    one, two = (simulated(everything(), threads=threads) for threads in (1, 2))

    assert table(one) == table(two)
    assert same_series(one, two)
    assert one.record.series("alerts_acted").sum() > 100


@pytest.mark.parametrize(
    ("never", "changed"),
    [
        ({"app__consent": 0.0}, {"app__compliance": 0.1, "app__publish_delay": 40.0}),
        ({"app__consent": 0.0}, {"app__detection": 0.1, "app__window": 14}),
        ({"app__compliance": 0.0}, {"app__fatigue": 0.9}),
        ({"tracing__compliance": 0.0}, {"tracing__delay": 9.0}),
        ({"app__detection": 0.0}, {"app__loss_exponent": 4.0}),
        ({"app__start": 60, "app__ramp": 1000}, {"app__start": 65}),
    ],
)
def test_what_never_acts_changes_nothing(
    never: dict[str, float], changed: dict[str, float]
) -> None:
    quiet = {"app__false_sightings": 0.0, "app__second_order": False}
    one = simulated(everything(**(quiet | never)))
    other = Sim(
        population=village(), parameters=everything(**(quiet | never | changed))
    )

    assert table(one) == table(other)
    for name in ("cases", "tests", "in_quarantine", "in_isolation", "deaths"):
        assert np.array_equal(one.record.series(name), other.record.series(name)), name


def test_an_intervention_that_does_nothing_changes_no_draw_of_another() -> None:
    parameters = everything(tracing__capacity=0.0)
    plain = interventions.defaults(parameters)
    idle = interventions.ManualTracing(
        everything(tracing__compliance=0.0, tracing__capacity=1.0).tracing
    )
    one = simulated(parameters, interventions=plain)
    other = Sim(
        population=village(),
        parameters=parameters,
        interventions=[*plain[:-1], idle, plain[-1]],
    )

    assert table(one) == table(other)
    assert other.record.series("traced").sum() > 100


def test_one_intervention_may_serve_many_runs() -> None:
    parameters = everything()
    shared = interventions.defaults(parameters)
    first, second = (simulated(parameters, interventions=shared) for _ in range(2))
    for _ in range(40):  # side by side
        first.step()
        second.step()

    assert table(first) == table(second)
    assert same_series(first, second)
    own = simulated(parameters)
    assert table(own) == table(first)


def test_false_alerts_come_without_any_infection() -> None:
    noisy = {
        "disease__seeds": 0,
        "testing__capacity": 1.0,
        "testing__specificity": 0.95,
        "testing__background": 0.02,
        "app__detection": 0.0,
    }
    loud = simulated(everything(**noisy, app__false_sightings=0.5))
    deaf = simulated(everything(**noisy, app__false_sightings=0.0))
    loud.run()
    deaf.run()

    assert loud.record.series("infections").sum() == 0
    assert loud.record.series("uploads").sum() > 10
    alerts = loud.record.series("alerts")
    assert alerts.sum() > 10
    assert np.array_equal(alerts, loud.record.series("false_alerts"))
    assert deaf.record.series("alerts").sum() == 0
