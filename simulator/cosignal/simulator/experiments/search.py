"""Search for the best parameters, by Optuna's tree of Parzen estimators.

What this module guarantees:

* All trials run on the same seeds, so that a better distance comes from the parameters
  and the search is not led by luck.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError

if TYPE_CHECKING:
    from cosignal.simulator.experiments.calibration import Trials

#: Asked for at once. Fixed, so that the number of workers does not change the search.
_BATCH: Final = 4


class Found(NamedTuple):
    """What a method found.

    Attributes:
        samples: Shape (m,) each, by dotted name.
        distances: Shape (m,).
        weights: Shape (m,). They sum to 1.
        tolerance: Up to which distance a run was taken as near; NaN for a search.
    """

    samples: dict[str, npt.NDArray[np.float64]]
    distances: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    tolerance: float = math.nan


def search(
    runner: "Trials", trials: int, seed: int, advance: Callable[[], None]
) -> Found:
    """Try values where good ones are likely.

    Args:
        runner: Says how far values are from the data.
        trials: How many.
        seed: Of the search.
        advance: Called after each trial.

    Returns:
        Values tried by name, their distances, and equal weights.

    Raises:
        UsageError: Optuna is not installed.
    """
    try:
        import optuna  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "method: expected Optuna to be installed, got none",
            advice='pip install cosignal[calibration], or use method="abc-smc".',
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    first = runner.setting.parameters.seed
    seeds = [first + replicate for replicate in range(runner.replicates)]
    points: list[dict[str, float]] = []
    found: list[float] = []
    while len(points) < trials:
        batch = [study.ask() for _ in range(min(_BATCH, trials - len(points)))]
        asked = [_suggested(runner, trial) for trial in batch]
        distances = runner.distances(asked, [seeds] * len(asked)).mean(axis=1)
        for trial, distance in zip(batch, distances.tolist(), strict=True):
            study.tell(trial, distance)
            advance()
        points += asked
        found += distances.tolist()
    samples = {
        name: np.array([point[name] for point in points], np.float64)
        for name in runner.ranges
    }
    return Found(samples, np.array(found), np.full(trials, 1 / trials))


def _suggested(
    runner: "Trials",
    trial: Any,  # noqa: ANN401 - Optuna is an extra
) -> dict[str, float]:
    """Values to try next, whole ones where the parameter is a whole number."""
    whole = runner.whole
    return {
        name: trial.suggest_int(name, int(low), int(high))
        if name in whole
        else trial.suggest_float(name, low, high)
        for name, (low, high) in runner.ranges.items()
    }
