"""What others found, and what we find: published studies done again.

======================================= ================================================
what a study is, how it is done again   `presets`
France, England, Zurich, Washington     `countries`
contacts, and strategies against R      `mechanisms`, `durations`
======================================= ================================================
"""

from typing import Final

from cosignal.simulator.studies.countries import ENGLAND, FRANCE, WASHINGTON, ZURICH
from cosignal.simulator.studies.mechanisms import CONTACTS, STRATEGIES
from cosignal.simulator.studies.presets import Preset, as_values, lines, require

#: All of them, in the order of the list of published results.
ALL: Final = (FRANCE, ENGLAND, CONTACTS, ZURICH, WASHINGTON, STRATEGIES)

__all__ = ["ALL", "Preset", "as_values", "find", "lines"]


def find(name: str) -> Preset:
    """Find a study by name, for example `P5`.

    Raises:
        UsageError: There is none.
    """
    return require(ALL, name)
