"""Approximate Bayesian computation by sequential Monte Carlo.

What this module guarantees:

* Proposals are numbered, and each runs on seeds of its own, made of its number: the
  luck of a run is part of what makes the posterior wide. One set of seeds for all would
  find the parameters that make up for the luck of these seeds, in too narrow intervals.
* Accepted are the first ones in the order of numbers. So neither the number of workers
  nor their speed plays a part.
* Of several runs of a proposal each counts for itself: the share of them that comes
  near the data is its weight. A mean of distances would hide the luck again.

Source: Beaumont, Cornuet, Marin, Robert 2009, "Adaptive approximate Bayesian
computation", Biometrika 96; Toni, Welch, Strelkowa, Ipsen, Stumpf 2009, "Approximate
Bayesian computation scheme", J. R. Soc. Interface 6.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.experiments.search import Found

if TYPE_CHECKING:
    from cosignal.simulator.experiments.calibration import Trials

Matrix = npt.NDArray[np.float64]

#: Populations after the first one, each twice as strict.
_GENERATIONS: Final = 4
#: The distance that so large a share of a population keeps is the next tolerance.
_KEEP: Final = 0.5
#: So many proposals for each sample; then the population stays as it is.
_PATIENCE: Final = 5


@dataclass(frozen=True, slots=True)
class _Generation:
    """Samples (m, p), distances (m, replicates), weights (m,), and how it was made.

    Attributes:
        samples: On the scale on which the prior is flat.
        distances: Of each run of each sample.
        weights: They sum to 1.
        tolerance: A run is near the data up to here.
        proposed: How many proposals came before, in all populations.
    """

    samples: Matrix
    distances: Matrix
    weights: Matrix
    tolerance: float
    proposed: int


def posterior(
    runner: "Trials", size: int, seed: int, advance: Callable[[], None]
) -> Found:
    """Draw from the posterior under uniform priors.

    Args:
        runner: Says how far values are from the data, and has the ranges.
        size: Samples of the posterior.
        seed: Of the search.
        advance: Called so often as there are samples, some of it after each population.

    Returns:
        Samples by name, the distance of the nearest run of each, their weights, and
        the tolerance that was reached: the last one, or the greatest distance if no
        population was stricter than the prior.
    """
    low, high = runner.ends()
    uniforms = np.random.default_rng([seed, 0]).random((size, len(low)))
    samples = low + (high - low) * uniforms
    found = _distances(runner, samples, seed, 0)
    now = _Generation(samples, found, np.full(size, 1 / size), math.inf, size)
    for generation in range(1, _GENERATIONS + 1):
        _advance(advance, size, generation - 1)
        further = _next(runner, now, generation, seed, (low, high))
        if further is None:
            break
        now = further
    values = runner.values(now.samples)
    columns = {name: values[:, i] for i, name in enumerate(runner.ranges)}
    reached = now.tolerance if math.isfinite(now.tolerance) else now.distances.max()
    return Found(columns, now.distances.min(axis=1), now.weights, float(reached))


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
    near = now.distances[now.distances <= now.tolerance]
    tolerance = float(np.quantile(near, _KEEP))
    spread = np.sqrt(2 * _covariance(now))
    samples = np.empty((0, len(spread)))
    distances = np.empty((0, now.distances.shape[1]))
    number = now.proposed
    for attempt in range(_PATIENCE):
        draws = np.random.default_rng([seed, generation, attempt])
        proposed = _proposals(now, spread, size, draws, ends)
        found = _distances(runner, proposed, seed, number)
        number += size
        good = (found <= tolerance).any(axis=1)
        samples = np.concatenate([samples, proposed[good]])
        distances = np.concatenate([distances, found[good]])
        if len(distances) >= size:
            samples, distances = samples[:size], distances[:size]
            shares = (distances <= tolerance).mean(axis=1)
            weights = _weights(samples, shares, now, spread)
            return _Generation(samples, distances, weights, tolerance, number)
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


def _weights(
    samples: Matrix, shares: Matrix, before: _Generation, spread: Matrix
) -> Matrix:
    """Prior, times the share of runs that are near, over the density of proposals.

    The prior is flat. Proposals out of range were drawn again, all in the same way, so
    that their density is that of the kernel, but for one factor.
    """
    steps = (samples[:, None, :] - before.samples[None, :, :]) / spread
    density = np.exp(-0.5 * (steps**2).sum(axis=2)) @ before.weights
    weights = shares / density
    found: Matrix = weights / weights.sum()
    return found


def _distances(runner: "Trials", samples: Matrix, seed: int, first: int) -> Matrix:
    """Shape (m, replicates). On the seeds of the proposals from number `first` on."""
    points = runner.points(samples)
    numbers = range(first, first + len(points))
    seeds = [_seeds(runner, seed, number) for number in numbers]
    return runner.distances(points, seeds)


def _seeds(runner: "Trials", seed: int, number: int) -> list[int]:
    """Seeds of a proposal's runs: 63 bits, of the base's seed and the search's."""
    entropy = [runner.setting.parameters.seed, seed, number]
    state = np.random.SeedSequence(entropy).generate_state(runner.replicates, np.uint64)
    return [int(word) >> 1 for word in state.tolist()]
