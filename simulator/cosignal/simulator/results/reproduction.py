"""How fast an epidemic grows: reproduction numbers by day, growth rate.

What this module guarantees:

* A day on which nothing can be said has NaN, not a number.

Two meanings of R_t: of the cohort, how many people those infected on a day infect in
the end (Fraser 2007, PLoS ONE 2:e758, case reproduction number); instantaneous, how
many they would infect if the day went on for ever (Cori 2013, Am J Epidemiol 178:1505).
"""

import numpy as np
import numpy.typing as npt

from cosignal.simulator.results.infections import InfectionTable
from cosignal.simulator.results.trees import Tree

Floats = npt.NDArray[np.float64]


def cohort(infections: InfectionTable, found: Tree, days: int) -> Floats:
    """Mean number infected by those infected on a day.

    The last days' are too low: what they cause is yet to come.

    Returns:
        Shape (days,).
    """
    cases = np.bincount(infections.day, minlength=days)[:days].astype(np.float64)
    caused = np.bincount(infections.day, weights=found.children, minlength=days)[:days]
    return _ratio(caused.astype(np.float64), cases)


def instantaneous(
    local: Floats, outside: Floats, profile: Floats, window: int = 7
) -> Floats:
    """Infections of the last days by what those infected before would cause at R = 1.

    Args:
        local: Shape (days,). People infected by others.
        outside: Shape (days,). People infected from outside.
        profile: Shape (l,). Share of infectiousness by days since infection.
        window: Days taken together.

    Returns:
        Shape (days,). NaN while the first cases alone decide: before day `window`.
    """
    pressure = np.convolve(local + outside, profile)[: len(local)]
    found = _ratio(_moving_sum(local, window), _moving_sum(pressure, window))
    found[:window] = np.nan
    return found


def growth_rate(infections: Floats, window: range) -> float:
    """Exponential growth of infections by day, at the start.

    Poisson regression on the weeks of days that are fixed before the run (see
    `beginning.growth_window`), so that a rise and the fall after it are not one growth,
    and quiet weekends do not tilt it.

    Args:
        infections: Shape (days,).
        window: Days that count, in succession; a last part of a week does not.

    Returns:
        1/day; NaN with less than two weeks, or with hardly any infections.
    """
    week, few = 7, 50
    weeks = len(window) // week
    counts = infections[window.start : window.start + weeks * week]
    counts = counts.reshape(-1, week).sum(axis=1)
    if weeks < 2 or counts.sum() < few:  # noqa: PLR2004 - for a slope
        return float("nan")
    days = np.arange(len(counts)) - (len(counts) - 1) / 2
    level, rate = float(np.log(counts.mean())), 0.0
    for _ in range(50):
        expected = np.exp(level + rate * days)
        rest = counts - expected
        curve = np.array(
            [
                [expected.sum(), days @ expected],
                [days @ expected, days**2 @ expected],
            ]
        )
        step = np.linalg.solve(curve, np.array([rest.sum(), days @ rest]))
        level, rate = level + step[0], rate + step[1]
    return float(rate) / week


def _moving_sum(values: Floats, window: int) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(1, len(values) + 1) - window, 0)
    sums: Floats = total[1:] - total[first]
    return sums


def _ratio(top: Floats, bottom: Floats) -> Floats:
    found = np.full(len(top), np.nan)
    np.divide(top, bottom, out=found, where=bottom > 0)
    return found
