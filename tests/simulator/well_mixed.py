"""A population in which theory holds: everybody alike, partners drawn anew each day."""

from typing import Any

import numpy as np

from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import MIXING_BANDS, POOLS, People

#: Of everybody.
AGE = 30
_BAND = AGE // 10


def well_mixed(agents: int, contacts: int = 10) -> People:
    """People who live alone and meet as many random others every day.

    Args:
        agents: How many; even.
        contacts: A day.
    """
    ids = np.arange(agents, dtype=np.int32)
    stubs = np.arange(agents * contacts, dtype=np.uint32)
    pool = _BAND * MIXING_BANDS + _BAND
    pool_start = np.zeros(2 * POOLS + 1, np.int64)
    pool_start[pool + 1 :] = len(stubs)
    return People(
        age=np.full(agents, AGE, np.uint8),
        household=ids,
        household_start=np.arange(agents + 1, dtype=np.int32),
        region=np.zeros(agents, np.uint16),
        region_start=np.array([0, agents], np.int64),
        place=np.full(agents, -1, np.int32),
        place_kind=np.empty(0, np.uint8),
        place_start=np.zeros(1, np.int64),
        place_members=np.empty(0, np.int32),
        place_rate=np.empty(0, np.float32),
        stub_start=np.arange(agents + 1, dtype=np.int32) * contacts,
        stubs=stubs | np.uint32(_BAND << 28),
        pool_start=pool_start,
        pool_owners=np.repeat(ids, contacts),
        network_start=np.zeros(1, np.int64),
        network_others=np.empty(0, np.int32),
        network_layer=np.empty(0, np.uint8),
        network_rate=np.empty(0, np.float32),
    )


def alike(**values: Any) -> Parameters:  # noqa: ANN401 - any parameter
    """Parameters with which everybody is as susceptible and as infectious as others.

    Nobody dies or goes to hospital, so that nobody is infectious for a shorter time.
    """
    nobody = (0.0,) * 9
    base = {
        "contacts.weekend_community": 1.0,
        "disease.dispersion": 1000.0,
        "disease.asymptomatic_infectiousness": 1.0,
        "disease.susceptibility": (1.0,) * 9,
        "disease.fatal": nobody,
        "disease.critical": nobody,
        "disease.severe": nobody,
    }
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Parameters().with_values(base | named)
