"""Search for the best parameters, by Optuna's tree of Parzen estimators."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError

if TYPE_CHECKING:
    from cosignal.simulator.experiments.calibration import Trials

#: Asked for at once. Fixed, so that the number of workers does not change the search.
_BATCH: Final = 4

Found = tuple[
    dict[str, npt.NDArray[np.float64]],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
]


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
    points: list[dict[str, float]] = []
    found: list[float] = []
    while len(points) < trials:
        batch = [study.ask() for _ in range(min(_BATCH, trials - len(points)))]
        asked = [
            {
                name: trial.suggest_float(name, low, high)
                for name, (low, high) in runner.ranges.items()
            }
            for trial in batch
        ]
        distances = runner.distances(asked)
        for trial, distance in zip(batch, distances.tolist(), strict=True):
            study.tell(trial, distance)
            advance()
        points += asked
        found += distances.tolist()
    samples = {
        name: np.array([point[name] for point in points]) for name in runner.ranges
    }
    return samples, np.array(found), np.full(trials, 1 / trials)
