"""The windows of early figures: fixed beforehand, and the same whatever is done."""

import math
from typing import Any

import numpy as np
import pytest

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.results.beginning import (
    cohort_window,
    growth_window,
    unmitigated_day,
)
from cosignal.simulator.simulation import Sim
from cosignal.simulator.studies.mechanisms import STRATEGIES

BASE: dict[str, Any] = {"disease.r0": 2.5, "disease.seeds": 40, "days": 150}
ALL_SHUT = [
    {"layer": layer, "factor": 0.2, "start": 30}
    for layer in ("community", "work", "school")
]


def parameters(**values: Any) -> Parameters:  # noqa: ANN401 - any parameter
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Parameters().with_values(BASE | named)


def test_an_epidemic_that_nobody_stops_grows_at_the_rate_that_is_asked_for() -> None:
    rate = parameters(disease__growth_rate=0.15, disease__seeds=10)

    days = [unmitigated_day(rate, count) for count in (1e3, 1e4, 1e5)]

    assert np.diff(days) == pytest.approx(math.log(10) / 0.15, abs=1)


def test_imports_come_every_day() -> None:
    nobody = parameters(disease__r0=0.0, disease__seeds=5, disease__imports=2.0)

    assert unmitigated_day(nobody, 10) == 2
    assert unmitigated_day(nobody, 1e9) == 150


def test_measures_do_not_move_the_windows() -> None:
    plain = Parameters().with_values(STRATEGIES.scenario())
    windows = {
        (
            cohort_window(plain.with_values(point), 50_000),
            growth_window(plain.with_values(point), 50_000),
        )
        for point in STRATEGIES.points
    }

    assert len(windows) == 1


def test_windows_end_before_many_are_infected() -> None:
    slow, fast = parameters(disease__r0=1.5), parameters(disease__r0=3.0)

    assert cohort_window(slow, 40_000).start == cohort_window(fast, 40_000).start == 6
    assert cohort_window(slow, 40_000).stop > cohort_window(fast, 40_000).stop
    assert growth_window(slow, 40_000).stop > growth_window(fast, 40_000).stop
    assert growth_window(fast, 400_000).stop > growth_window(fast, 40_000).stop


def test_with_many_first_infections_one_generation_is_early_and_no_fortnight() -> None:
    many = parameters(disease__seeds=4_000)

    assert cohort_window(many, 40_000) == range(6, 12)
    assert not growth_window(many, 40_000)


def test_windows_are_whole_weeks() -> None:
    for r0 in (1.3, 1.6, 2.0, 2.5, 3.0):
        spread = parameters(disease__r0=r0, disease__seeds=10)
        assert len(cohort_window(spread, 400_000)) % 7 == 0
        assert len(growth_window(spread, 400_000)) % 7 == 0
        assert len(growth_window(spread, 400_000)) >= 14


def test_a_run_that_is_too_short_has_no_early_cases_and_no_growth() -> None:
    assert not cohort_window(parameters(days=10), 40_000)
    assert not growth_window(parameters(days=10), 40_000)


def test_a_closure_within_the_window_leaves_no_one_rate() -> None:
    shut = [{"layer": "work", "factor": 0.5, "start": 10}]
    before = [{"layer": "work", "factor": 0.5, "start": 0}]

    assert not growth_window(parameters(closures=shut), 40_000)
    assert growth_window(parameters(closures=before), 40_000)
    assert growth_window(parameters(closures=ALL_SHUT), 40_000)


def test_a_rise_and_a_later_fall_are_not_one_growth() -> None:
    """A closure after the window changes nothing of it, on the same seed."""
    free, shut = (
        Sim(
            parameters=parameters(closures=closures, days=60, population__agents=10_000)
        ).run()
        for closures in ([], ALL_SHUT)
    )

    days = growth_window(free.parameters, 10_000)
    weekly = (
        free.series("infections")[days.start : days.stop].reshape(-1, 7).sum(axis=1)
    )
    slope = np.polyfit(7 * np.arange(len(weekly)), np.log(weekly), 1)[0]

    assert shut.series("infections").sum() < 0.8 * free.series("infections").sum()
    assert free.summary()["growth_rate"] == shut.summary()["growth_rate"]
    assert free.summary()["growth_rate"] == pytest.approx(slope, abs=0.01)
    assert not math.isnan(free.summary()["r"])
