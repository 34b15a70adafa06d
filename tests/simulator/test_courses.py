"""Courses against the probabilities and times that were asked for.

Statistical comparisons allow 4.5 standard errors (false alarm: 7 in a million for
each), with fixed seeds.
"""

import math

import numpy as np
import pytest

from cosignal.simulator.disease.courses import begin_infections, unit_gamma
from cosignal.simulator.disease.tables import make_tables
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.state import FATAL, NEVER, SEVERE, State, new_state

ALARM = 4.5
PEOPLE = 60_000


def infected(parameters: Parameters, age: int, variant: int = 0, **state: int) -> State:
    """Everybody of one age, infected on day 20."""
    found = new_state(PEOPLE)
    for name, value in state.items():
        getattr(found, name)[:] = value
    ids = np.arange(PEOPLE, dtype=np.int32)
    begin_infections(
        ids,
        np.full(PEOPLE, -1, np.int32),
        20,
        np.full(PEOPLE, variant, np.uint8),
        np.uint64(77),
        np.full(PEOPLE, age, np.uint8),
        found,
        make_tables(parameters),
    )
    return found


def is_share(found: np.ndarray, expected: float) -> bool:
    error = math.sqrt(expected * (1 - expected) / len(found))
    return bool(abs(found.mean() - expected) <= ALARM * error)


@pytest.mark.parametrize("age", [5, 35, 69, 70, 95])
def test_each_outcome_is_as_likely_as_its_age_says(age: int) -> None:
    disease, band = Parameters().disease, min(age // 10, 8)

    course = infected(Parameters(), age).course

    limits = (disease.symptomatic, disease.severe, disease.critical, disease.fatal)
    for outcome, probabilities in enumerate(limits, start=1):
        assert is_share(course >= outcome, probabilities[band])


def test_a_variant_and_a_vaccine_change_how_many_need_a_hospital() -> None:
    parameters = Parameters().with_values(
        {
            "variants": [{"name": "b", "severity": 2.0}],
            "vaccination.against_severe": 0.75,
            "vaccination.delay": 14,
        }
    )
    severe = parameters.disease.severe[6]
    symptomatic = parameters.disease.symptomatic[6]

    plain = infected(parameters, 65, variant=1)
    protected = infected(parameters, 65, variant=1, vaccinated_day=6)
    late = infected(parameters, 65, variant=1, vaccinated_day=7)

    assert is_share(plain.course >= SEVERE, 2 * severe)
    assert is_share(protected.course >= SEVERE, 0.5 * severe)
    assert is_share(late.course >= SEVERE, 2 * severe)
    assert is_share(protected.course >= 1, symptomatic)


def test_days_ascend_and_belong_to_the_course() -> None:
    found = infected(Parameters(), 85)

    onset, ward = found.onset_day.astype(int), found.hospital_day.astype(int)
    care, end = found.icu_day.astype(int), found.end_day.astype(int)
    assert np.array_equal(onset == NEVER, found.course == 0)
    assert np.array_equal(ward == NEVER, found.course < SEVERE)
    assert np.array_equal(care == NEVER, found.course < SEVERE + 1)
    assert np.all(onset[onset != NEVER] > 20)
    assert np.all(ward[ward != NEVER] >= onset[ward != NEVER])
    assert np.all(care[care != NEVER] >= ward[care != NEVER])
    assert np.all(end > np.maximum(np.maximum(onset, ward), np.maximum(care, 20)))
    assert np.any(found.course == FATAL)


def test_times_have_the_means_asked_for() -> None:
    disease = Parameters().disease
    found = infected(Parameters(), 85)

    def mean_is(days: np.ndarray, expected: float, spread: float) -> bool:
        error = spread / math.sqrt(len(days))
        return bool(abs(days.mean() - expected) < ALARM * error)

    onset, ward = found.onset_day.astype(int), found.hospital_day.astype(int)
    ill, severe = found.course > 0, found.course >= SEVERE
    assert mean_is((onset - 20)[ill], disease.incubation_mean, disease.incubation_sd)
    to_ward = disease.onset_to_hospital
    assert mean_is((ward - onset)[severe], to_ward, 0.6 * to_ward)
    end, mild, silent = found.end_day.astype(int), found.course == 1, found.course == 0
    lasts, unseen = disease.mild_recovery, disease.asymptomatic_recovery
    assert mean_is((end - onset)[mild], lasts, 0.42 * lasts)
    assert mean_is((end - 20)[silent], unseen, 0.33 * unseen)


def test_a_course_does_not_depend_on_who_else_is_infected() -> None:
    tables = make_tables(Parameters())
    age = np.full(100, 85, np.uint8)
    states = []
    for ids in (np.arange(100, dtype=np.int32), np.array([93, 42], np.int32)):
        state = new_state(100)
        nobody = np.full(len(ids), -1, np.int32)
        variant = np.zeros(len(ids), np.uint8)
        begin_infections(ids, nobody, 3, variant, np.uint64(5), age, state, tables)
        states.append(state)

    for name in ("course", "onset_day", "hospital_day", "end_day", "infectivity"):
        one, other = (getattr(state, name)[[42, 93]] for state in states)

        assert np.array_equal(one, other)


@pytest.mark.parametrize("shape", [0.1, 0.45, 1.0, 3.0, 1000.0])
def test_individual_infectiousness_is_gamma_with_mean_1(shape: float) -> None:
    drawn = np.array([unit_gamma(shape, np.uint64(9), i) for i in range(PEOPLE)])

    assert abs(drawn.mean() - 1) < ALARM / math.sqrt(shape * PEOPLE)
    # The variance of a gamma sample's variance: kurtosis 3 + 6 / shape.
    error = math.sqrt((2 + 6 / shape) / PEOPLE) / shape
    assert abs(drawn.var() - 1 / shape) < ALARM * error
    if shape < 1:
        # P(x < 0.01), to the first order of its series.
        empty = math.exp(-math.lgamma(shape + 1)) * (shape * 0.01) ** shape
        series = empty * (1 - shape * shape * 0.01 / (shape + 1))
        assert is_share(drawn < 0.01, series)
