"""How much a published day weighs, by its distance from the onset of symptoms.

What this module guarantees:

* Classes are those of Exposure Notification: none, standard, high, standard, none, with
  the days at which they change as parameters.
* Somebody without symptoms counts from the day of the test, as in the NHS COVID-19 app.
  Symptoms and tests of more than 14 days ago, the time that a phone keeps keys, are of
  another illness, or say nothing of the days that are published.
* Backward tracing adds the days just before the first infectious one that is published.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.parameters.app import AppParameters

Ints = npt.NDArray[np.integer[Any]]

#: Days for which Exposure Notification keeps keys, and counts from symptoms.
KEPT_DAYS: Final = 14


def day_weights(since_onset: Ints, app: AppParameters) -> npt.NDArray[np.float64]:
    """Weigh days.

    Args:
        since_onset: Any shape. Days since onset of symptoms, negative before.
        app: Its `infectiousness_days` and `infectiousness_weights`.

    Returns:
        The same shape.
    """
    standard, high = app.infectiousness_weights
    classes = np.array([0.0, standard, high, standard, 0.0])
    place = np.searchsorted(app.infectiousness_days, since_onset, side="right")
    weights: npt.NDArray[np.float64] = classes[place]
    return weights


def reference_days(
    onset_day: Ints, test_day: Ints, infected_day: Ints, day: int
) -> npt.NDArray[np.int64]:
    """The day from which people who publish count theirs.

    Args:
        onset_day: Shape (m,). Of their last infection.
        test_day: Shape (m,). Of the test that was positive; `NEVER` for none.
        infected_day: Shape (m,). Of their last infection.
        day: Of the upload.

    Returns:
        Shape (m,). Onset if it has come since that infection, else the test, else
        today; neither if it is more than `KEPT_DAYS` ago.
    """
    oldest = max(day - KEPT_DAYS, 0)
    has_onset = (onset_day >= oldest) & (onset_day <= day) & (onset_day >= infected_day)
    tested = np.where(test_day >= oldest, test_day, day)
    return np.where(has_onset, onset_day, tested).astype(np.int64)


def published_days(app: AppParameters, day: int) -> range:
    """The days whose keys are published on a day.

    Args:
        app: Its `window` and `backward_window`.
        day: Of the upload.
    """
    return range(max(0, day - app.window - app.backward_window), day)


def published_weights(
    reference: Ints, day: int, app: AppParameters
) -> npt.NDArray[np.float64]:
    """Weigh what people publish.

    Args:
        reference: Shape (m,), of `reference_days`.
        day: Of the upload.
        app: Its `window`, infectiousness, and the rest.

    Returns:
        Shape (days, m), of `published_days`. The `backward_window` days before the
        first infectious one of the window count as standard; earlier ones nothing.
    """
    past = np.asarray(published_days(app, day), np.int64)[:, np.newaxis]
    counted = np.asarray(reference, np.int64)
    first = np.maximum(counted + app.infectiousness_days[0], day - app.window)
    weights = day_weights(past - counted, app)
    weights[past < first] = 0
    weights[(past < first) & (past >= first - app.backward_window)] = (
        app.infectiousness_weights[0]
    )
    return weights
