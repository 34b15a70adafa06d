"""Whom a published key alerts: phones that were near it, and phones that were not.

What this module guarantees:

* A contact alerts if it happened, both phones had the app and were on that day, and the
  contact counts by `radio`.
* A false sighting alerts a stranger of the region, heard through a wall: as often as
  `false_sightings` says, whether or not either of the two stayed at home.
* Nobody is alerted for themselves. More false sightings add to those there were.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import int64, njit, uint64

from cosignal.simulator.interventions.app.radio import counts, is_on, phone_day
from cosignal.simulator.interventions.draws import Ids
from cosignal.simulator.interventions.past import past_contacts
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.streams import draw, uniform

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Pairs = tuple[npt.NDArray[np.int64], Ids]


def exposed(
    sim: "Sim", app: AppParameters, cases: Ids, weights: npt.ArrayLike, day: int
) -> Pairs:
    """Find whom the keys of one past day alert.

    Args:
        sim: The run, on a later day.
        app: Phones and radio.
        cases: Shape (m,). Who publish.
        weights: Shape (m,). Infectiousness of that day; 0 for a key that is not
            published, or counts nothing.
        day: The past day.

    Returns:
        Shape (k,) each: place of the case among `cases`, whom it alerts. One may stand
        twice.
    """
    of_day = np.asarray(weights, np.float64)
    phones = phone_day(sim, app, day)
    able = np.flatnonzero((of_day > 0) & _on(cases, phones))
    index, others, layers = past_contacts(sim, cases[able], day)
    alerting = _counting(
        cases[able][index], others, layers, of_day[able][index], phones
    )
    index, others = index[alerting], others[alerting]
    if app.false_sightings > 0:
        more, strangers = _strangers(cases[able], sim.people, phones)
        index = np.concatenate([index, more])
        others = np.concatenate([others, strangers])
    return able[index], others


@njit(nogil=True, cache=True)
def _on(ids, phones):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    found = np.empty(len(ids), np.bool_)
    for place in range(len(ids)):
        found[place] = is_on(ids[place], phones)
    return found


@njit(nogil=True, cache=True)
def _counting(ids, others, layers, weights, phones):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    found = np.zeros(len(ids), np.bool_)
    for place in range(len(ids)):
        i, j = ids[place], others[place]
        if is_on(j, phones):
            found[place] = counts(i, j, layers[place], weights[place], phones)
    return found


@njit(inline="always")
def _poisson(luck, mean):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """The number of which `luck` is the quantile."""
    term = math.exp(-mean)
    below = term
    number = 0
    while luck >= below and term > 0:
        number += 1
        term *= mean / number
        below += term
    return number


@njit(nogil=True, cache=True)
def _strangers(cases, people, phones):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Strangers of their region whom some people hear, on phones that are on."""
    key, mean = phones.keys.strangers, phones.radio.false_sightings
    total = 0
    for i in cases:
        total += _poisson(uniform(key, i, 0), mean)
    index = np.empty(total, np.int64)
    others = np.empty(total, np.int32)
    count = 0
    for place in range(len(cases)):
        i = cases[place]
        first = people.region_start[people.region[i]]
        size = people.region_start[people.region[i] + 1] - first
        for which in range(_poisson(uniform(key, i, 0), mean)):
            other = first + int64(draw(key, i, which + 1) % uint64(size))
            if other != i and is_on(other, phones):
                index[count] = place
                others[count] = other
                count += 1
    return index[:count].copy(), others[:count].copy()
