import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.protocol.errors import UsageError
from cosignal.simulator.disease.lattice import lattice_gamma, moments


@settings(max_examples=30)
@given(
    mean=st.floats(1.6, 20.0),
    relative=st.floats(0.35, 0.9),
    first=st.sampled_from([0, 1]),
)
def test_the_moments_are_those_asked_for(
    mean: float, relative: float, first: int
) -> None:
    deviation = max(0.7, relative * (mean - first))

    weights = lattice_gamma("x", mean, deviation, first)

    assert moments(weights) == pytest.approx((mean, deviation), rel=1e-3)
    assert weights.sum() == pytest.approx(1.0)
    assert np.all(weights >= 0)
    assert np.all(weights[:first] == 0)


def test_the_weights_are_close_to_the_gamma_density() -> None:
    weights = lattice_gamma("x", 5.5, 2.14, 1)

    shape, rate = (5.5 / 2.14) ** 2, 5.5 / 2.14**2
    days = np.arange(1, len(weights))
    density = days ** (shape - 1) * np.exp(-rate * days)
    assert np.abs(weights[1:] - density / density.sum()).max() < 0.003


def test_a_mean_on_the_day_of_infection_is_refused() -> None:
    with pytest.raises(UsageError, match=r"disease.x: expected a mean above 1 days"):
        lattice_gamma("disease.x", 0.9, 0.5, 1)


def test_a_spread_that_whole_days_cannot_have_is_refused() -> None:
    with pytest.raises(UsageError, match=r"above 0.5 days, got 0.3"):
        lattice_gamma("disease.x", 5.5, 0.3, 1)
