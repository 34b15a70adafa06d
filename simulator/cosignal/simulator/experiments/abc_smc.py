"""Approximate Bayesian computation by sequential Monte Carlo.

What this module guarantees:

* Proposals are numbered, and each has draws of its own; accepted are the first ones in
  the order of numbers. So neither the number of workers nor their speed plays a part.

Source: Beaumont, Cornuet, Marin, Robert 2009, "Adaptive approximate Bayesian
computation", Biometrika 96; Toni, Welch, Strelkowa, Ipsen, Stumpf 2009, "Approximate
Bayesian computation scheme", J. R. Soc. Interface 6.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from cosignal.simulator.experiments.calibration import Trials
    from cosignal.simulator.experiments.search import Found

Matrix = npt.NDArray[np.float64]

#: Populations after the first one, each twice as strict.
_GENERATIONS: Final = 4
#: The distance that so large a share of a population keeps is the next tolerance.
_KEEP: Final = 0.5
#: So many proposals for each sample; then the population stays as it is.
_PATIENCE: Final = 5


@dataclass(frozen=True, slots=True)
class _Generation:
    """Samples (m, p), distances (m,), weights (m,)."""

    samples: Matrix
    distances: Matrix
    weights: Matrix


def posterior(
    runner: "Trials", size: int, seed: int, advance: Callable[[], None]
) -> "Found":
    """Draw from the posterior under uniform priors.

    Args:
        runner: Says how far values are from the data, and has the ranges.
        size: Samples of the posterior.
        seed: Of the search.
        advance: Called so often as there are samples, some of it after each population.

    Returns:
        Samples by name, their distances and weights.
    """
    ends = np.array(list(runner.ranges.values()))
    low, high = ends[:, 0], ends[:, 1]
    uniforms = np.random.default_rng([seed, 0]).random((size, len(low)))
    samples = low + (high - low) * uniforms
    now = _Generation(samples, _distances(runner, samples), np.full(size, 1 / size))
    for generation in range(1, _GENERATIONS + 1):
        _advance(advance, size, generation - 1)
        further = _next(runner, now, generation, seed, (low, high))
        if further is None:
            break
        now = further
    columns = {name: now.samples[:, i] for i, name in enumerate(runner.ranges)}
    return columns, now.distances, now.weights


def _advance(advance: Callable[[], None], size: int, generation: int) -> None:
    """Move a bar on by one population of all."""
    before, after = (size * (generation + i) // _GENERATIONS for i in (0, 1))
    for _ in range(after - before):
        advance()


def _next(
    runner: "Trials",
    now: _Generation,
    generation: int,
    seed: int,
    ends: tuple[Matrix, Matrix],
) -> _Generation | None:
    """A stricter population; None if it is not found with patience."""
    size = len(now.distances)
    tolerance = float(np.quantile(now.distances, _KEEP))
    spread = np.sqrt(2 * _covariance(now))
    samples = np.empty((0, len(spread)))
    distances = np.empty(0)
    for attempt in range(_PATIENCE):
        draws = np.random.default_rng([seed, generation, attempt])
        proposed = _proposals(now, spread, size, draws, ends)
        found = _distances(runner, proposed)
        good = found <= tolerance
        samples = np.concatenate([samples, proposed[good]])
        distances = np.concatenate([distances, found[good]])
        if len(distances) >= size:
            samples, distances = samples[:size], distances[:size]
            weights = _weights(samples, now, spread)
            return _Generation(samples, distances, weights)
    return None


def _covariance(now: _Generation) -> Matrix:
    """Weighted variance of each parameter, shape (p,)."""
    mean = now.weights @ now.samples
    variance: Matrix = now.weights @ (now.samples - mean) ** 2
    return np.maximum(variance, 1e-18)


def _proposals(
    now: _Generation,
    spread: Matrix,
    size: int,
    draws: np.random.Generator,
    ends: tuple[Matrix, Matrix],
) -> Matrix:
    """Shape (size, p). Samples of the last population, moved a little, within range."""
    chosen = draws.choice(len(now.weights), size, p=now.weights)
    moved = now.samples[chosen] + draws.normal(size=(size, len(spread))) * spread
    while (outside := ((moved < ends[0]) | (moved > ends[1])).any(axis=1)).any():
        again = draws.choice(len(now.weights), int(outside.sum()), p=now.weights)
        steps = draws.normal(size=(len(again), len(spread))) * spread
        moved[outside] = now.samples[again] + steps
    return moved


def _weights(samples: Matrix, before: _Generation, spread: Matrix) -> Matrix:
    """Prior over the density by which samples were proposed; the prior is flat."""
    steps = (samples[:, None, :] - before.samples[None, :, :]) / spread
    density = np.exp(-0.5 * (steps**2).sum(axis=2)) @ before.weights
    weights = 1 / density
    found: Matrix = weights / weights.sum()
    return found


def _distances(runner: "Trials", samples: Matrix) -> Matrix:
    names = list(runner.ranges)
    points = [dict(zip(names, row, strict=True)) for row in samples.tolist()]
    return runner.distances(points)
