"""What changes from day to day, one array for each thing, one element for each person.

What this module guarantees:

* Kernels get all of it at once, as one named tuple of arrays that they change in place.
* A day that has not come is `NEVER`; days are 16 bits, so that ten million people fit.

Who changes what: `disease` and `spread` own infection and course, `interventions` own
isolation, tests and app; nobody writes another one's arrays.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

#: A day that has not come, and never may.
NEVER: Final = -1
#: The last one there can be: days are 16 bits.
LAST_DAY: Final = 32_767
#: How many past days somebody's isolation is remembered: a bit each.
REMEMBERED_DAYS: Final = 32

SUSCEPTIBLE: Final = 0
INFECTED: Final = 1
RECOVERED: Final = 2
DEAD: Final = 3

#: Course of an infection, in the order of severity.
ASYMPTOMATIC, MILD, SEVERE, CRITICAL, FATAL = range(5)


class State(NamedTuple):
    """Arrays of one element a person.

    Attributes:
        status: uint8. `SUSCEPTIBLE`, `INFECTED`, `RECOVERED` or `DEAD`.
        course: uint8. Of the last infection, `ASYMPTOMATIC` to `FATAL`.
        variant: uint8. Of the last infection, 0 for the first variant.
        infections: uint8. How often infected.
        infected_day: int16. Of the last infection.
        onset_day: int16. First day with symptoms of the last infection, if any.
        hospital_day: int16. First day in hospital, if any.
        icu_day: int16. First day in intensive care, if any.
        end_day: int16. Recovery or death.
        recovery_day: int16, two dimensions. By person and variant, the `end_day` of
            infections before the last one; no columns where there is but one variant.
        infector: int32. Who infected them last; -1 for a seed.
        infectivity: float32. Multiplies their infectiousness.
        susceptibility: float32. Multiplies their risk, by age; without immunity.
        vaccinated_day: int16. Of the vaccination that counts; see `Sim.vaccinate`.
        isolated_until: int16. First day on which they go out again; `NEVER` if they do.
        quarantined: uint8. 1 if the reason is a contact, 0 if their own infection.
        reason_day: int16. Day of that reason: of symptoms, of a result, or of the last
            exposure; a test taken before it says nothing about it.
        isolation: uint32. Bit k: whether they stayed at home, or were in hospital, k
            days ago; bit 0 is today, and before the day's end whether they are at home
            since before today.
        away: uint32. Bit k: whether they were in hospital or dead k days ago; bit 0 is
            today, once the day's interventions have acted.
        app_from: int16. First day with the app; `NEVER` for none.
        app_until: int16. First day without it again.
        asked: int16. About which illness the app asked them last whether they publish:
            day of the infection, or less than `NEVER`; see `app.consent`.
        alerts: uint8. In how many episodes they were alerted; see `app.alerts`.
        alert_day: int16. Of the last alert.
        test_day: int16. Of the last test taken.
        positive_day: int16. Day of the last positive result.
    """

    status: npt.NDArray[np.uint8]
    course: npt.NDArray[np.uint8]
    variant: npt.NDArray[np.uint8]
    infections: npt.NDArray[np.uint8]
    infected_day: npt.NDArray[np.int16]
    onset_day: npt.NDArray[np.int16]
    hospital_day: npt.NDArray[np.int16]
    icu_day: npt.NDArray[np.int16]
    end_day: npt.NDArray[np.int16]
    recovery_day: npt.NDArray[np.int16]
    infector: npt.NDArray[np.int32]
    infectivity: npt.NDArray[np.float32]
    susceptibility: npt.NDArray[np.float32]
    vaccinated_day: npt.NDArray[np.int16]
    isolated_until: npt.NDArray[np.int16]
    quarantined: npt.NDArray[np.uint8]
    reason_day: npt.NDArray[np.int16]
    isolation: npt.NDArray[np.uint32]
    away: npt.NDArray[np.uint32]
    app_from: npt.NDArray[np.int16]
    app_until: npt.NDArray[np.int16]
    asked: npt.NDArray[np.int16]
    alerts: npt.NDArray[np.uint8]
    alert_day: npt.NDArray[np.int16]
    test_day: npt.NDArray[np.int16]
    positive_day: npt.NDArray[np.int16]


_DAYS: Final = (
    "infected_day",
    "onset_day",
    "hospital_day",
    "icu_day",
    "end_day",
    "vaccinated_day",
    "isolated_until",
    "reason_day",
    "app_from",
    "app_until",
    "asked",
    "alert_day",
    "test_day",
    "positive_day",
)
_TYPES: Final = {
    "infector": np.int32,
    "infectivity": np.float32,
    "susceptibility": np.float32,
    "isolation": np.uint32,
    "away": np.uint32,
} | dict.fromkeys(_DAYS, np.int16)


def new_state(agents: int, variants: int = 1) -> State:
    """Everybody susceptible, at large, without app.

    Args:
        agents: How many people.
        variants: How many variants there may be.

    Returns:
        Arrays of that length.
    """
    arrays: dict[str, Any] = {
        name: np.zeros(agents, _TYPES.get(name, np.uint8)) for name in State._fields
    }
    columns = variants if variants > 1 else 0
    arrays["recovery_day"] = np.full((agents, columns), NEVER, np.int16)
    for name in (*_DAYS, "infector"):
        arrays[name].fill(NEVER)
    arrays["susceptibility"].fill(1)
    arrays["infectivity"].fill(1)
    return State(**arrays)


def some_of(state: State, first: int, end: int) -> State:
    """People of a range of numbers, from `first` to before `end`; not a copy."""
    arrays: list[Any] = [array[first:end] for array in state]
    return State(*arrays)
