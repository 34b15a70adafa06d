import math
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments import calibrate
from cosignal.simulator.experiments.abc_smc import posterior
from cosignal.simulator.experiments.calibration import Trials
from cosignal.simulator.experiments.jobs import setting_of
from cosignal.simulator.experiments.observed import Observed, observed
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.simulation import Sim

BASE = Parameters().with_values(
    {"population.agents": 1_000, "days": 18, "disease.seeds": 40, "seed": 5}
)


def _nothing(jobs: object) -> Generator[tuple[int, float], None, None]:
    del jobs
    yield from ()


class Normal(Trials):
    """Trials whose distance is that of a mean from 3, with normal noise of sd 1."""

    def distances(
        self, points: Sequence[Mapping[str, float]]
    ) -> npt.NDArray[np.float64]:
        noise = [
            np.random.default_rng(int(1e9 * (p["x"] + 7))).normal() for p in points
        ]
        return np.abs(np.array([p["x"] for p in points]) + noise - 3)


def test_the_posterior_of_a_normal_mean_is_normal() -> None:
    """Under a flat prior it is normal around 3 with sd 1, wider by the tolerance.

    The mean of 300 weighted samples is within 0.35 (five standard errors) for all but
    one in a million seeds; this seed is fixed.
    """
    data = Observed(np.arange(1), {})
    runner = Normal(setting_of(BASE), data, {"x": (-7, 13)}, 1, _nothing)

    samples, distances, weights = posterior(runner, 300, 1, lambda: None)

    mean = float(weights @ samples["x"])
    spread = math.sqrt(float(weights @ (samples["x"] - mean) ** 2))
    assert pytest.approx(mean, abs=0.35) == 3
    assert pytest.approx(spread, rel=0.35) == 1
    assert float(weights.sum()) == pytest.approx(1)
    assert distances.max() < 1.5


def test_a_known_r0_is_found_again() -> None:
    pytest.importorskip("optuna")
    truth = Sim(parameters=BASE.with_values({"disease.r0": 3.0, "seed": 99})).run()

    fit = calibrate(
        BASE,
        {"infections": truth.series("infections")},
        {"disease.r0": (1.0, 6.0)},
        trials=12,
        replicates=1,
        workers=1,
    )

    assert fit.best["disease.r0"] == pytest.approx(3.0, abs=1.0)
    assert fit.best["disease.r0"] == fit.parameters.disease.r0
    with pytest.raises(UsageError, match="interval: expected a posterior"):
        fit.interval("disease.r0")


def test_workers_do_not_change_a_posterior() -> None:
    fits = [
        calibrate(
            BASE,
            {"cases": [2.0] * 18},
            {"testing.symptomatic": (0.2, 0.9)},
            method="abc-smc",
            trials=4,
            replicates=1,
            workers=workers,
        )
        for workers in (1, 2)
    ]

    one, two = (fit.samples["testing.symptomatic"].tolist() for fit in fits)
    low, high = fits[0].interval("testing.symptomatic")
    assert one == two
    assert min(one) <= low <= high <= max(one)


def test_equal_counts_have_no_distance_and_none_have_one() -> None:
    data = observed({"day": [3, 5], "cases": [4.0, 9.0]}, 10)
    series = np.zeros(10)
    assert data.distance({"cases": series}) == 1

    series[[3, 5]] = 4, 9

    assert data.distance({"cases": series}) == 0


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("day,cases\n0,4\n1,\n2,9\n")

    found = observed(tmp_path / "d.csv", 10)

    assert found.distance({"cases": np.array([4.0, 77.0, 9.0])}) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"case": [1]}, "data: expected series of a run, got 'case'"),
        ({"day": [1]}, "data: expected a series beside day"),
        ({"cases": [-1]}, "data: expected counts of cases, got -1 in row 1"),
        ({"cases": ["x"]}, "data: expected a number of cases, got 'x' in row 1"),
        ({"day": [0, 0], "cases": [1, 1]}, "data: expected each day once"),
        ({"day": [99], "cases": [1]}, "data: expected days 0 to 9, got 99 in row 1"),
        ({"day": [0, 1], "cases": [1]}, "data: expected 2 values of cases, got 1"),
        ({"cases": [1, 2], "deaths": [1]}, "data: expected 2 values of deaths, got 1"),
    ],
)
def test_data_that_cannot_be_compared_is_refused(
    data: dict[str, list[Any]], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        observed(data, 10)

    assert str(caught.value).startswith(message)


def test_a_file_with_a_short_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("day,cases\n0\n")

    with pytest.raises(UsageError, match=r"d\.csv:2: expected 2 values, got 1"):
        observed(tmp_path / "d.csv", 10)


@pytest.mark.parametrize(
    ("params", "options", "message"),
    [
        ({}, {}, "params: expected at least one range"),
        ({"disease.r0": (3.0, 2.0)}, {}, "disease.r0: expected low < high"),
        ({"disease.r0": (2.0, 99.0)}, {}, "disease.r0: expected 0 to 20, got 99"),
        ({"disease.r0": (2.0, 3.0)}, {"method": "guess"}, "method: expected one of"),
        ({"disease.r0": (2.0, 3.0)}, {"trials": 0}, "trials: expected 1 or more"),
    ],
)
def test_a_calibration_is_checked_before_its_first_run(
    params: dict[str, tuple[float, float]], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        calibrate(BASE, {"cases": [1]}, params, **options)

    assert str(caught.value).startswith(message)
