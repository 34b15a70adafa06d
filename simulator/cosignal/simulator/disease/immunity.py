"""What earlier infections and vaccination protect from, and how well.

What this module guarantees:

* Every variant somebody was infected with is remembered, by the day on which the last
  infection with it ended; with one variant no memory is needed for it.
* Of several infections the strongest protection counts: they leave one memory of the
  immune system, and counting each would count what variants share more than once.
* Infection and vaccine protect one after the other: with both, people are protected
  better than with either (Bobrovitz 2023, Lancet Infect Dis).
* Protection against hospital is conditional on infection, wanes with half-lives of its
  own, and has its own shares across variants. The vaccine is one against variant 0.
"""

import math

from cosignal.simulator.compiled import inlined
from cosignal.simulator.state import DEAD, INFECTED


@inlined
def remaining(j, variant, day, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Share of somebody's susceptibility that earlier infection and vaccine leave."""
    left = 1.0
    if state.infections[j]:
        share = _strongest(j, variant, day, tables.cross, tables.waning, state)
        left -= tables.immunity * share
    since = _protected_for(j, day, state, tables)
    if since >= 0:
        share = tables.cross[0, variant] * _kept(tables.vaccine_waning, since)
        left *= 1.0 - tables.vaccine * share
    return left


@inlined
def severity_left(j, variant, day, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Share of the probability of hospital, given infection, that both leave."""
    left = 1.0
    cross = tables.cross_severe
    if state.infections[j]:
        share = _strongest(j, variant, day, cross, tables.severe_waning, state)
        left -= tables.immunity_severe * share
    since = _protected_for(j, day, state, tables)
    if since >= 0:
        share = cross[0, variant] * _kept(tables.vaccine_severe_waning, since)
        left *= 1.0 - tables.vaccine_severe * share
    return left


@inlined
def opening(j, variant, day, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """How likely an exposure elsewhere infects somebody, of one that is sure to else.

    Susceptibility by age says nothing here, unless it is 0.
    """
    status = state.status[j]
    able = status != INFECTED and status != DEAD  # noqa: PLR1714 - numba is quicker so
    found = 0.0
    if able and state.susceptibility[j] > 0.0:
        found = remaining(j, variant, day, state, tables)
    return found


@inlined
def _strongest(j, variant, day, cross, rate, state):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917
    """Greatest share of protection by the last infection, and by those before it."""
    best = cross[state.variant[j], variant] * _kept(rate, day - state.end_day[j])
    for past in range(state.recovery_day.shape[1]):
        ended = state.recovery_day[j, past]
        if ended >= 0:
            best = max(best, cross[past, variant] * _kept(rate, day - ended))
    return best


@inlined
def _kept(rate, since):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - numba
    """Share of a protection that is left after some days."""
    return math.exp(-rate * max(since, 0)) if rate > 0.0 else 1.0


@inlined
def _protected_for(j, day, state, tables):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Days since vaccination began to protect; -1 if it does not."""
    vaccinated = state.vaccinated_day[j]
    since = day - vaccinated - tables.vaccine_delay
    return since if vaccinated >= 0 and since >= 0 else -1
