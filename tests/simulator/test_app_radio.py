import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cosignal.protocol.diagnosis_keys import (
    DEFAULT_INFECTIOUSNESS,
    MAX_ONSET_DAYS,
)
from cosignal.simulator.contacts.attributes import contact_hours, contact_metres
from cosignal.simulator.interventions.app.infectiousness import (
    day_weights,
    published_days,
    published_weights,
    reference_days,
)
from cosignal.simulator.interventions.app.radio import (
    PhoneDay,
    attenuation,
    bucket_weight,
    counts,
    is_on,
    phone_day,
    weighted_minutes,
)
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.simulation import Sim
from tests.simulator.quiet_runs import quiet

PAIRS = [(i, i + 1 + (i * 7) % 50) for i in range(4000)]
COMMUNITY = 4


@pytest.fixture(scope="module")
def sim() -> Sim:
    gone = quiet(2, agents=5000)
    gone.state.app_from[:] = 0
    return gone


def phones(
    sim: Sim,
    **values: Any,  # noqa: ANN401 - any parameter
) -> PhoneDay:
    return phone_day(sim, AppParameters(**values), 1)


def losses(day: PhoneDay) -> npt.NDArray[np.float64]:
    return np.array([attenuation(i, j, COMMUNITY, day) for i, j in PAIRS])


def counting(
    sim: Sim,
    **values: Any,  # noqa: ANN401 - any parameter
) -> npt.NDArray[np.bool_]:
    day = phones(sim, **values)
    return np.array([counts(i, j, COMMUNITY, 1.0, day) for i, j in PAIRS])


def test_attenuation_grows_with_the_logarithm_of_the_distance(sim: Sim) -> None:
    day = phones(sim, reference_loss=50.0, loss_exponent=3.0, loss_spread=0.0)

    for i, j in PAIRS[:200]:
        metres = max(0.01, float(contact_metres(i, j, COMMUNITY, day.contacts)))
        expected = 50.0 + 30.0 * math.log10(metres)
        assert expected == pytest.approx(attenuation(i, j, COMMUNITY, day))


def test_bodies_and_walls_spread_attenuation_normally(sim: Sim) -> None:
    """False alarm: below 1e-5; five standard errors of mean, spread, share."""
    steady = losses(phones(sim, loss_spread=0.0))
    noise = (losses(phones(sim, loss_spread=6.0)) - steady) / 6.0

    number = len(noise)
    assert abs(noise.mean()) < 5 / math.sqrt(number)
    assert abs(noise.std() - 1) < 5 / math.sqrt(2 * number)
    assert abs((noise > 1).mean() - 0.1587) < 5 * math.sqrt(0.1335 / number)


def test_both_phones_see_the_same_contact(sim: Sim) -> None:
    day = phones(sim)

    for i, j in PAIRS[:200]:
        there, back = (weighted_minutes(*pair, 2, day) for pair in ((i, j), (j, i)))
        assert there == back
        assert counts(i, j, 2, 1.0, day) == counts(j, i, 2, 1.0, day)


def test_layers_and_days_are_other_contacts(sim: Sim) -> None:
    one, other = phones(sim), phone_day(sim, AppParameters(), 0)
    values = [
        attenuation(3, 4, layer, day) for layer in (1, 2, 4) for day in (one, other)
    ]

    assert len(set(values)) == 6


def test_a_threshold_belongs_to_its_bucket(sim: Sim) -> None:
    radio = phones(sim, thresholds=(55.0, 63.0, 70.0), weights=(1.5, 1.0, 0.5, 0.1))

    expected = [1.5, 1.5, 1.0, 1.0, 0.5, 0.5, 0.1]
    levels = (30.0, 55.0, 55.01, 63.0, 64.0, 70.0, 70.5)

    assert expected == [bucket_weight(level, radio.radio) for level in levels]


def test_minutes_are_weighed(sim: Sim) -> None:
    day = phones(sim)

    for i, j in PAIRS[:100]:
        minutes = 60 * float(contact_hours(i, j, COMMUNITY, day.contacts))
        weight = bucket_weight(attenuation(i, j, COMMUNITY, day), day.radio)
        assert minutes * weight == pytest.approx(weighted_minutes(i, j, COMMUNITY, day))


def test_long_and_near_contacts_of_the_infectious_count(sim: Sim) -> None:
    day = phones(sim, detection=1.0)
    for i, j in PAIRS[:300]:
        minutes = weighted_minutes(i, j, COMMUNITY, day)

        assert counts(i, j, COMMUNITY, 1.0, day) == (minutes >= 15)
        assert counts(i, j, COMMUNITY, 0.5, day) == (minutes >= 30)
        assert not counts(i, j, COMMUNITY, 0.0, day)


def test_detection_is_the_share_of_contacts_that_is_heard(sim: Sim) -> None:
    """False alarm: below 1e-6; five standard errors."""
    heard = counting(sim, detection=0.6, alert_minutes=0.0)

    error = math.sqrt(0.24 / len(PAIRS))
    assert abs(heard.mean() - 0.6) < 5 * error
    assert counting(sim, detection=1.0, alert_minutes=0.0).all()
    assert not counting(sim, detection=0.0, alert_minutes=0.0).any()


def test_what_counts_keeps_counting_where_more_does(sim: Sim) -> None:
    few = counting(sim, detection=0.5, alert_minutes=30.0)
    heard = counting(sim, detection=0.9, alert_minutes=30.0)
    shorter = counting(sim, detection=0.5, alert_minutes=10.0)

    assert 0 < few.sum() < min(heard.sum(), shorter.sum())
    assert not (few & ~heard).any()
    assert not (few & ~shorter).any()


def test_phones_are_off_as_often_as_asked_for(sim: Sim) -> None:
    """False alarm: below 1e-6; five standard errors."""
    day = phones(sim, off=0.2)
    on = [is_on(i, day) for i in range(5000)]

    assert abs(np.mean(on) - 0.8) < 5 * math.sqrt(0.16 / 5000)
    assert all(is_on(i, phones(sim, off=0.0)) for i in range(100))
    assert not any(is_on(i, phones(sim, off=1.0)) for i in range(100))


def test_infectiousness_is_classed_as_by_the_protocol() -> None:
    offsets = np.arange(-MAX_ONSET_DAYS, MAX_ONSET_DAYS + 1)
    classes = [0.0, 0.7, 1.3]

    expected = [classes[int(one)] for one in DEFAULT_INFECTIOUSNESS]
    app = AppParameters(infectiousness_weights=(0.7, 1.3))

    assert expected == day_weights(offsets, app).tolist()


def test_days_before_the_window_count_as_standard() -> None:
    app = AppParameters(window=3, backward_window=2, infectiousness_weights=(0.5, 2.0))

    assert published_days(app, 20) == range(15, 20)
    assert published_days(app, 2) == range(2)
    weights = published_weights(np.array([19, 40]), 20, app)
    # Of the one without an infectious day nothing counts, backwards neither.
    assert weights.tolist() == [[0.5, 0], [0.5, 0], [2, 0], [2, 0], [2, 0]]


def test_days_are_counted_from_onset_else_from_the_test() -> None:
    onset = np.array([5, -1, 12, 3, -1], np.int16)
    tested = np.array([8, 7, 8, 9, -1], np.int16)
    infected = np.array([1, 1, 6, 6, 1], np.int16)

    # Symptoms; none; not yet; those of an earlier infection; not even a test.
    assert reference_days(onset, tested, infected, 10).tolist() == [5, 7, 8, 9, 10]
