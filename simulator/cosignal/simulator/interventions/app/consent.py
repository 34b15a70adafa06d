"""Who is asked whether they publish: at symptoms, or at a positive result.

What this module guarantees:

* Everybody is asked once an illness, whichever comes first, symptoms or result, and
  answers alike whenever that is.
* Of somebody infected within `RETEST_DAYS` it is this infection, symptoms of whatever
  origin included. Other symptoms are an illness of their own; without an infection, a
  positive result within `RETEST_DAYS` of them is about them, else about nothing else.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.interventions.draws import Ids
from cosignal.simulator.interventions.sets import without
from cosignal.simulator.interventions.testing import RETEST_DAYS
from cosignal.simulator.state import NEVER, State

if TYPE_CHECKING:
    from cosignal.simulator.simulation import Sim

Days = npt.NDArray[np.int64]
#: `State.asked` of an illness without an infection is this less its first day.
_OTHER: Final = NEVER - 1


def ask(sim: "Sim", ill: Ids, positive: Ids, day: int) -> tuple[Ids, Days]:
    """Ask whoever was not asked about their illness yet, and remember it.

    Args:
        sim: The run.
        ill: Shape (m,). Whose symptoms begin, and may allow them to publish.
        positive: Shape (n,). Who has a positive result.
        day: Today.

    Returns:
        Shape (k,) each: who is asked, and a day that stands for the illness.
    """
    ids = np.concatenate([ill, without(positive, ill)])
    begins = np.arange(len(ids)) < len(ill)
    illness = _illnesses(sim.state, ids, begins, day)
    new = illness != sim.state.asked[ids]
    ids, illness = ids[new], illness[new]
    sim.state.asked[ids] = illness
    return ids, np.where(illness > NEVER, illness, _OTHER - illness)


def _illnesses(state: State, ids: Ids, begins: npt.NDArray[np.bool_], day: int) -> Days:
    """What people have today, as `State.asked` writes it; symptoms of some begin."""
    infected = state.infected_day[ids].astype(np.int64)
    asked = state.asked[ids].astype(np.int64)
    known = (asked <= _OTHER) & (_OTHER - asked > day - RETEST_DAYS)
    other = np.where(known & ~begins, asked, _OTHER - day)
    current = (infected != NEVER) & (infected > day - RETEST_DAYS)
    return np.where(current, infected, other)
