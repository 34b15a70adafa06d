"""Which days are the beginning of an epidemic: fixed before it is run.

What this module guarantees:

* Windows follow from the disease, its first infections, and the number of people;
  neither from what is done about it nor from luck. So figures of them compare like with
  like at all points of a study that differ in measures only, and for all seeds.
"""

from typing import Final

import numpy as np

from cosignal.simulator.disease.tables import infectiousness
from cosignal.simulator.parameters.tree import Parameters

#: Share of people who would be infected by the end of a window if nothing was done.
_FEW: Final = 0.05
_SOME: Final = 0.1
_MANY: Final = 0.2
_WEEK: Final = 7


def cohort_window(parameters: Parameters, people: int) -> range:
    """Days whose infections are early, and have the time to infect.

    From one generation time on, since whom first cases infect is known by then; whole
    weeks, since people meet less at weekends, until 5 % would be infected by their
    children if nothing was done. Where that leaves no week, one generation: with first
    infections of more than 0.5 % of people those infected in it find fewer people to
    infect, and at a point where more is done not as few, so that differences between
    points are too small.

    Args:
        parameters: Of the run.
        people: How many there are.

    Returns:
        Empty where the run is too short.
    """
    disease = parameters.disease
    generation = max(round(disease.generation_mean), 1)
    # Most of what somebody causes is caused within two standard deviations.
    reach = round(disease.generation_mean + 2 * disease.generation_sd)
    last = unmitigated_day(parameters, _FEW * people) - generation
    last = min(last, parameters.days - reach)
    weeks = (last - generation) // _WEEK
    if weeks < 1:
        return range(generation, min(2 * generation, parameters.days - reach))
    return range(generation, generation + weeks * _WEEK)


def growth_window(parameters: Parameters, people: int) -> range:
    """Days of which the growth is early.

    From one generation time on, whole weeks until 10 % would be infected if nothing was
    done, two at least: within one the weekend cannot be told from growth.

    Args:
        parameters: Of the run.
        people: How many there are.

    Returns:
        Empty where 20 % would be infected within two weeks, or the run is shorter; and
        where a closure begins or ends within these days, since there is no one rate
        then. When a closure begins that waits for positive tests, nobody knows
        beforehand: it is averaged in.
    """
    first = max(round(parameters.disease.generation_mean), 1)
    last = first + 2 * _WEEK
    if unmitigated_day(parameters, _MANY * people) < last:
        return range(0)
    weeks = (unmitigated_day(parameters, _SOME * people) - first) // _WEEK
    last = max(last, first + weeks * _WEEK)
    changes = [day for item in parameters.closures for day in (item.start, item.stop)]
    if any(first < day < last for day in changes):
        return range(0)
    return range(first, last)


def unmitigated_day(parameters: Parameters, infections: float) -> int:
    """First day by which more would be infected in the mean, if nothing was done.

    By the renewal equation, among people of whom nobody is immune.

    Args:
        parameters: First infections, imports, reproduction number, generation time.
        infections: Since the first day.

    Returns:
        The number of days of the run if there are never as many.
    """
    # Only here: whoever reads a result need not wait for compiled code.
    from cosignal.simulator.disease.transmissibility import (  # noqa: PLC0415
        reproduction_number,
    )

    disease = parameters.disease
    profile = infectiousness(disease)
    caused = reproduction_number(disease, profile) * profile
    daily = np.zeros(parameters.days + len(caused))
    total = 0.0
    for day in range(parameters.days):
        daily[day] += disease.imports + (disease.seeds if day == 0 else 0)
        total += daily[day]
        if total > infections:
            return day
        daily[day : day + len(caused)] += daily[day] * caused
    return parameters.days
