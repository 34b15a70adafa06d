import math
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments import calibrate
from cosignal.simulator.experiments.abc_smc import posterior
from cosignal.simulator.experiments.calibration import Fit, Trials
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


_NORMAL = NormalDist()


class Normal(Trials):
    """Trials whose distance is that of a mean from 3, with normal noise of sd 1."""

    def distances(
        self, points: Sequence[Mapping[str, float]], seeds: Sequence[Sequence[int]]
    ) -> npt.NDArray[np.float64]:
        luck = [[_NORMAL.inv_cdf((seed + 1) / 2**63) for seed in own] for own in seeds]
        return np.abs(np.array([[p["x"]] for p in points]) + luck - 3)


def normal(low: float, high: float, *, replicates: int = 1, base: int = 5) -> Normal:
    setting = setting_of(BASE.with_values({"seed": base}))
    ranges = {"x": (low, high)}
    return Normal(setting, Observed(np.arange(1), {}), ranges, replicates, _nothing)


@pytest.mark.parametrize("replicates", [1, 4])
def test_the_posterior_of_a_normal_mean_is_normal(replicates: int) -> None:
    """Under a flat prior it is normal around 3 with sd 1, wider by the tolerance.

    The mean of 300 weighted samples is within 0.35 (five standard errors) for all but
    one in a million seeds; this seed is fixed. Several runs of a proposal do not make
    it narrower.
    """
    found = posterior(normal(-7, 13, replicates=replicates), 300, 1, lambda: None)

    mean = float(found.weights @ found.samples["x"])
    spread = math.sqrt(float(found.weights @ (found.samples["x"] - mean) ** 2))
    assert pytest.approx(mean, abs=0.35) == 3
    assert pytest.approx(spread, rel=0.35) == 1
    assert float(found.weights.sum()) == pytest.approx(1)
    assert found.distances.max() <= found.tolerance < 1.5


def test_the_interval_of_a_posterior_holds_the_truth_as_often_as_it_says() -> None:
    """True values are spread as the prior is, and the data are 3 in each case.

    So that the data are 3, truth and luck are drawn together: the truth is 3 less a
    normal number. Of 100 exact intervals 95 hold it, and fewer than 87 with one of
    2,000 seeds; the tolerance makes ours a little wider. On one seed for all proposals
    none of 100 did.
    """
    truths = 3 - np.random.default_rng(11).normal(size=100)
    held, widths = 0, []
    for base, truth in enumerate(truths):
        runner = normal(-7, 13, base=base)
        found = posterior(runner, 100, 1, lambda: None)
        fit = Fit(BASE, runner.ranges, *found[:3], "abc-smc", found.tolerance)
        low, high = fit.interval("x")
        held += low <= truth <= high
        widths.append(high - low)

    assert held >= 87
    # Exact ones are 3.92 wide.
    assert 3.5 < np.mean(widths) < 5.5


def test_the_luck_of_a_few_cases_is_in_a_posterior() -> None:
    """Of about 30 people with symptoms each is tested with the probability asked for.

    A binomial share of 30 has a standard error of 0.09, and the tolerance adds to it:
    8 samples reached over 0.44 to 0.77 with four seeds of the base, and over 0.08 to
    0.34 on one seed for all proposals. The seeds here are fixed.
    """
    alone = BASE.with_values(
        {
            "population.agents": 200,
            "days": 12,
            "disease.r0": 0.0,
            "testing.background": 0.0,
        }
    )
    truth = alone.with_values({"testing.symptomatic": 0.5, "seed": 77})

    fit = calibrate(
        alone,
        {"cases": Sim(parameters=truth).run().series("cases")},
        {"testing.symptomatic": (0.05, 1.0)},
        method="abc-smc",
        trials=8,
        replicates=1,
        workers=1,
    )

    assert np.ptp(fit.samples["testing.symptomatic"]) > 0.35
    low, high = fit.interval("testing.symptomatic")
    assert low <= 0.5 <= high
    assert fit.distances.max() <= fit.tolerance
    assert fit.best["testing.symptomatic"] == fit.interval("testing.symptomatic", 0)[0]


def test_each_proposal_has_seeds_of_its_own_and_the_same_again() -> None:
    class Noting(Normal):
        def distances(
            self, points: Sequence[Mapping[str, float]], seeds: Sequence[Sequence[int]]
        ) -> npt.NDArray[np.float64]:
            given.extend(seed for own in seeds for seed in own)
            return super().distances(points, seeds)

    runs = []
    for base, search in ((5, 1), (5, 1), (6, 1), (5, 2)):
        given: list[int] = []
        plain = normal(-7, 13, base=base)
        runner = Noting(plain.setting, plain.data, plain.ranges, 2, _nothing)
        posterior(runner, 20, search, lambda: None)
        runs.append(given)

    first, again, other_base, other_search = runs
    assert first == again
    assert len(first) > 20 * 2 * 3
    assert len(set(first)) == len(first)
    assert not set(first) & (set(other_base) | set(other_search))


@pytest.mark.parametrize("samples", [2, 6, 20, 100])
def test_an_interval_of_few_samples_is_not_too_narrow(samples: int) -> None:
    """Of evenly spread samples it is as wide as its share, however few there are.

    The mean of 2,000 is within 0.02 for all but one in a million seeds.
    """
    rng = np.random.default_rng(3)
    widths = []
    for _ in range(2_000):
        low, high = uniform_fit(rng.random(samples), None).interval("disease.r0")
        widths.append(high - low)

    assert pytest.approx(np.mean(widths), abs=0.02) == 0.95


def test_an_interval_leans_to_neither_side() -> None:
    rng = np.random.default_rng(4)
    values, weights = rng.random(30), rng.random(30) ** 4
    weights /= weights.sum()

    low, high = uniform_fit(values, weights).interval("disease.r0")
    other = uniform_fit(1 - values, weights).interval("disease.r0")

    assert other == pytest.approx((1 - high, 1 - low))


def uniform_fit(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64] | None
) -> Fit:
    count = len(values)
    if weights is None:
        weights = np.full(count, 1 / count)
    samples, ranges = {"disease.r0": values}, {"disease.r0": (0.0, 1.0)}
    return Fit(BASE, ranges, samples, np.zeros(count), weights, "abc-smc")


@pytest.mark.parametrize("method", ["optuna", "abc-smc"])
def test_a_whole_number_is_fitted_by_whole_numbers(method: str) -> None:
    if method == "optuna":
        pytest.importorskip("optuna")

    fit = calibrate(
        BASE.with_values({"population.agents": 200, "disease.r0": 0.0, "days": 2}),
        {"infections": [20.0, 0.0]},
        {"disease.seeds": (5.0, 60.0)},
        method=method,
        trials=12,
        replicates=1,
        workers=1,
    )

    assert fit.samples["disease.seeds"].tolist() == [
        round(value) for value in fit.samples["disease.seeds"]
    ]
    assert isinstance(fit.best["disease.seeds"], int)
    assert fit.best["disease.seeds"] == fit.parameters.disease.seeds
    assert fit.best["disease.seeds"] == pytest.approx(20, abs=6)
    if method == "abc-smc":
        low, high = fit.interval("disease.seeds")
        assert 5 <= low <= 20 <= high <= 60
        assert (low, high) == (round(low), round(high))


def test_the_ends_of_a_range_of_whole_numbers_are_as_probable_as_others() -> None:
    runner = Trials(
        setting_of(BASE),
        Observed(np.arange(1), {}),
        {"disease.seeds": (5, 8), "disease.r0": (1.0, 2.0)},
        1,
        _nothing,
    )
    low, high = runner.ends()
    even = low + (high - low) * np.linspace(0, 1, 4001)[:, None]

    values = runner.values(even)

    assert np.bincount(values[:, 0].astype(int), minlength=9)[5:] == pytest.approx(
        [1000] * 4, abs=2
    )
    assert values[:, 1].tolist() == even[:, 1].tolist()
    assert runner.points(even[:1]) == [{"disease.seeds": 5, "disease.r0": 1.0}]


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
            BASE.with_values({"population.agents": 200, "disease.r0": 0.0}),
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
    assert 0.2 <= low <= min(one) <= max(one) <= high <= 0.9


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
        ({"case": [1]}, "data: expected a daily series of the run, got 'case'"),
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
        ({"disease.seeds": (2.5, 9)}, {}, "disease.seeds: expected a range of whole"),
        ({"seed": (2, 9)}, {}, "params: expected parameters, got seed"),
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


def test_a_posterior_of_few_samples_says_that_it_is_none() -> None:
    few, enough = (uniform_fit(np.linspace(0, 1, n), None) for n in (99, 100))

    assert few.warning.startswith("99 samples are no posterior")
    assert "95 % credible interval, 99 samples" in repr(few)
    assert few.warning in repr(few)
    assert enough.warning == ""
    assert len(repr(enough).splitlines()) == 3
