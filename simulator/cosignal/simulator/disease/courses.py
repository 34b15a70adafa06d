"""What happens to somebody from infection to recovery or death, drawn once.

What this module guarantees:

* A course is a function of stream, day of infection and person: no other draw, and no
  order of infections, changes it.
* Days ascend: infection, symptoms, hospital, intensive care, end.

Individual infectiousness is gamma distributed with mean 1 (Lloyd-Smith 2005, Nature
438:355), by the method of Marsaglia and Tsang (2000), with draws by number.
"""

import math

import numpy as np
from numba import uint64

from cosignal.simulator.compiled import inlined, kernel
from cosignal.simulator.disease.immunity import severity_left
from cosignal.simulator.disease.tables import (
    IN_HOSPITAL,
    IN_ICU,
    INCUBATION,
    MILD,
    SILENT,
    TO_HOSPITAL,
    TO_ICU,
)
from cosignal.simulator.state import (
    ASYMPTOMATIC,
    CRITICAL,
    FATAL,
    INFECTED,
    LAST_DAY,
    NEVER,
    SEVERE,
)
from cosignal.simulator.streams import uniform

#: Numbers of a person's draws.
_COURSE, _INFECTIVITY = 100, 1000


@kernel
def begin_infections(ids, infectors, day, variant, key, age, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917
    """Infect people, and draw what will happen to them.

    Args:
        ids: Shape (m,), int32. Who; nobody twice.
        infectors: Shape (m,), int32. By whom; -1 for from outside.
        day: Of infection.
        variant: Shape (m,), uint8.
        key: Of the day, stream `disease.course`.
        age: Of all people, years.
        state: Changed in place.
        tables: `Tables`.
    """
    for row in range(ids.size):
        i = ids[row]
        milder = severity_left(i, variant[row], day, state, tables)
        if state.infections[i] and state.recovery_day.shape[1] > 0:
            state.recovery_day[i, state.variant[i]] = state.end_day[i]
        state.status[i] = INFECTED
        state.infector[i] = infectors[row]
        state.infected_day[i] = day
        state.variant[i] = variant[row]
        state.infections[i] = min(state.infections[i] + 1, 255)
        band = min(age[i] // 10, 8)
        course = _course(uniform(key, i, _COURSE), variant[row], band, milder, tables)
        state.course[i] = course
        draw_times(i, course, day, key, state, tables)
        factor = tables.asymptomatic if course == ASYMPTOMATIC else 1.0
        state.infectivity[i] = factor * unit_gamma(tables.dispersion, key, i)


@inlined
def _course(chance, variant, band, milder, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    course = ASYMPTOMATIC
    for worse in range(FATAL):
        limit = tables.severity[variant, band, worse]
        if worse:
            limit *= milder
        if chance < limit:
            course = worse + 1
    return course


@kernel
def draw_times(i, course, day, key, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917
    """Draw the days of somebody's course."""
    state.onset_day[i] = state.hospital_day[i] = state.icu_day[i] = NEVER
    if course < SEVERE:
        if course == ASYMPTOMATIC:
            state.end_day[i] = _later(day, SILENT, key, i, tables)
        else:
            state.onset_day[i] = _later(day, INCUBATION, key, i, tables)
            state.end_day[i] = _later(state.onset_day[i], MILD, key, i, tables)
        return
    onset = _later(day, INCUBATION, key, i, tables)
    ward = _later(onset, TO_HOSPITAL, key, i, tables)
    state.onset_day[i] = onset
    state.hospital_day[i] = ward
    if course < CRITICAL:
        state.end_day[i] = max(_later(ward, IN_HOSPITAL, key, i, tables), ward + 1)
        return
    care = _later(ward, TO_ICU, key, i, tables)
    state.icu_day[i] = care
    state.end_day[i] = max(_later(care, IN_ICU, key, i, tables), care + 1)


@inlined
def _later(day, which, key, i, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    chance = uniform(key, i, which)
    after = np.searchsorted(tables.times[which], chance, side="right")
    return min(day + after, LAST_DAY)


@kernel
def unit_gamma(shape, key, i):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - numba
    """Draw from the gamma distribution with a shape and mean 1."""
    boosted = shape if shape >= 1.0 else shape + 1.0
    third = boosted - 1.0 / 3.0
    scale = 1.0 / math.sqrt(9.0 * third)
    number = uint64(_INFECTIVITY)
    while True:
        radius = math.sqrt(-2.0 * math.log(1.0 - uniform(key, i, number)))
        normal = radius * math.cos(2.0 * math.pi * uniform(key, i, number + uint64(1)))
        chance = 1.0 - uniform(key, i, number + uint64(2))
        number += uint64(3)
        cube = (1.0 + scale * normal) ** 3
        if cube > 0.0 and math.log(chance) < (
            0.5 * normal * normal + third * (1.0 - cube + math.log(cube))
        ):
            break
    value = third * cube
    if shape < 1.0:
        value *= (1.0 - uniform(key, i, number)) ** (1.0 / shape)
    return value / shape


@kernel
def first_course(i, key, age, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Draw what of somebody's first infection decides whom they infect.

    As `begin_infections` does, for the first variant.

    Args:
        i: Who.
        key: Of the draws.
        age: Of all people, years.
        tables: `Tables`.

    Returns:
        Infectivity; days from infection to hospital, `NEVER` for none.
    """
    band = min(age[i] // 10, 8)
    course = _course(uniform(key, i, _COURSE), 0, band, 1.0, tables)
    ward = np.int64(NEVER)
    if course >= SEVERE:
        ward = _later(
            _later(0, INCUBATION, key, i, tables), TO_HOSPITAL, key, i, tables
        )
    factor = tables.asymptomatic if course == ASYMPTOMATIC else 1.0
    return factor * unit_gamma(tables.dispersion, key, i), ward
