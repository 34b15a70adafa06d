"""Search for the beta with which a typical case infects as many as are wanted.

How many a typical case infects is a product, see `transmissibility`. The first factor
grows with beta. The second, the share that is still susceptible, falls: by little where
most contacts are with strangers, by so much where people meet the same few each day
that the product has a maximum. So betas are tried from a small one up; at each, small
outbreaks show the share and who the typical cases are, and with both the next beta is
chosen.

The first outbreaks of a look begin with people at random, the next ones with the
typical cases of those, and once more: so a look depends on its beta alone, not on the
betas before.

What this module guarantees:

* At the answer the share is known to 1 %, beside chance, or so is the product.
* What is not found was not reached at any beta on the way, up to the maximum.
* All looks have the same draws for an outbreak of a number.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.disease.expectations import Expectation
from cosignal.simulator.disease.small_outbreaks import (
    DEPTH,
    Found,
    effective,
    setting,
    watch,
)
from cosignal.simulator.disease.tables import Tables
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.streams import stream_key, uniforms

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

#: Infections in the outbreaks of a look: on the way, in the end; about.
_GLANCE: Final = 20_000
_LONG_LOOK: Final = 150_000
#: In those before, which only show who is typical.
_BEFORE: Final = (10_000, 10_000)
_LONG_BEFORE: Final = (20_000, 30_000)
#: Room for how many times as many.
_ROOM: Final = 4
#: Outbreaks of a look, at least and at most.
_FEWEST: Final = 100
_OUTBREAKS: Final = 150_000
#: Cases whose contacts are looked at: on the way, in the end.
_FEW: Final = 1400
_MANY: Final = 7000
#: Outbreaks of less would hardly have the generations that are looked at; the share
#: hardly changes below.
_LEAST: Final = 0.1
#: Generations that infect where outbreaks fade.
_FADING: Final = 2
#: Infections in the last generation of an outbreak, at most, about; share of all people
#: that they are, at most.
_LARGEST: Final = 400
_SMALL: Final = 0.01
_PRECISION: Final = 1e-4
#: A handful do.
_STEPS: Final = 100
_BETA_MIN: Final = 1e-9
_BETA_MAX: Final = 1e4
#: Of the logarithms; where it is less, more beta hardly infects more people.
_LEAST_SLOPE: Final = 0.05
#: By how much beta changes from look to look, at most; which betas are near.
_STRIDE: Final = 3.0
_NEAR: Final = 1.25
#: What shows how the share changes.
_FAR: Final = 1.5
#: Of the greatest reproduction number so far; less is beyond the maximum, by more than
#: chance.
_FALLEN: Final = 0.85
#: Glances and long looks, at most. Mostly two and one do.
_GLANCES: Final = 40
_LONG_LOOKS: Final = 6
#: Change of the share between the last look and the answer, at most.
_SETTLED: Final = 0.01


class Look(NamedTuple):
    """What outbreaks with one beta show.

    Attributes:
        beta: The beta.
        found: The typical cases, and the share that they infect.
        slope: Of the logarithm of the share, by that of beta.
        expectation: Of the typical cases.
        reproduction: Mean number of people whom a typical case infects; 0 before any
            outbreak.
    """

    beta: float
    found: Found
    slope: float
    expectation: Expectation
    reproduction: float

    def predicted(self, beta: float) -> float:
        """The reproduction number of another beta, nearly."""
        share = self.found.success * math.pow(beta / self.beta, self.slope)
        return self.expectation.mean(beta) * share

    def solution(self, target: float, low: float, high: float) -> float:
        """The beta with which the target is predicted; a bound if there is none.

        By secants of logarithms, between which the relation is nearly a line.
        """

        def gap(beta: float) -> float:
            return math.log(self.predicted(beta) / target)

        if gap(high) <= 0:
            return high
        if gap(low) >= 0:
            return low
        old = beta = min(max(self.beta, low), high)
        slope, last = 1.0, gap(beta)
        now = last
        for _ in range(_STEPS):
            if abs(now) <= _PRECISION:
                break
            if beta != old and now != last:
                slope = (now - last) / math.log(beta / old)
            old, last = beta, now
            step = math.exp(-now / max(slope, _LEAST_SLOPE))
            beta = min(max(beta * step, low), high)
            now = gap(beta)
        return beta


class Search:
    """The last look and the best one, and the betas between which the wanted one is."""

    def __init__(
        self,
        parameters: Parameters,
        people: People,
        tables: Tables,
        wanted: Callable[[Floats], float],
    ) -> None:
        """Begin with people at random, as if nobody competed.

        Args:
            parameters: Contacts, disease, seed.
            people: Who is there.
            tables: The disease as numbers.
            wanted: The reproduction number that is asked for, of the shares of
                infections by days since the infector's; more than 0.

        """
        self._all = (parameters, people, tables)
        self._wanted = wanted
        self._largest = min(_LARGEST, _SMALL * effective(parameters, people))
        anybody = _anybody(parameters.seed, len(people.age))
        self._first = Found(anybody, 1.0, tables.profile.astype(np.float64))
        expectation = self._expectation(self._first, _FEW)
        self._last = Look(0.1, self._first, 0.0, expectation, 0.0)
        self._best, self._lowest = self._last, _BETA_MAX
        self._low, self._top, self._reached = _BETA_MIN, _BETA_MAX, False

    @property
    def most(self) -> float:
        """The greatest reproduction number that was seen and does not do."""
        return self._best.reproduction

    @property
    def target(self) -> float:
        """The reproduction number that is asked for, by what was seen last."""
        return self._wanted(self._last.found.intervals)

    @property
    def _aim(self) -> float:
        return max(self.target, _LEAST)

    def beta(self) -> float | None:
        """Find it; None if people do not meet so many others."""
        if self._last.predicted(_BETA_MAX) <= 0:
            return None
        beta = self._approached()
        if beta is None:
            return None
        for _ in range(_LONG_LOOKS):
            self._look(beta, (*_LONG_BEFORE, _LONG_LOOK), _MANY)
            last, target = self._last, self.target
            if target < _LEAST:
                held = last._replace(slope=0.0)
                return held.solution(target, _BETA_MIN, _BETA_MAX)
            low, high = beta / _NEAR, beta * _NEAR
            new = last.solution(target, low, high)
            change = abs(last.slope * math.log(new / beta))
            if low < new < high and change <= _SETTLED:
                return new
            if abs(math.log(last.reproduction / target)) <= _SETTLED:
                return beta
            beta = new
        return None

    def _approached(self) -> float | None:
        """Look at outbreaks of one beta after the other, until the next one is near."""
        half = min(self._aim, self._last.predicted(_BETA_MAX)) / 2
        beta = self._last.solution(half, _BETA_MIN, _BETA_MAX)
        for _ in range(_GLANCES):
            self._look(beta, (*_BEFORE, _GLANCE), _FEW)
            self._bracket()
            following = self._next()
            if following is None:
                return None
            beta = following
            close = self._reached and self._top <= _FAR * self._low
            if close or 1 / _NEAR <= beta / self._last.beta <= _NEAR:
                return beta
        return None

    def _bracket(self) -> None:
        """Take the last look for a bound, and go back to the best if it is worse."""
        last, best = self._last, self._best
        rising = last.beta > best.beta
        if last.reproduction >= self._aim:
            self._top, self._reached = last.beta, True
        elif last.reproduction >= best.reproduction:
            if best.reproduction > 0 and not rising:
                self._top = best.beta
            self._low, self._best = last.beta, last
        elif rising and last.reproduction >= _FALLEN * best.reproduction:
            self._low = last.beta
        else:
            if rising:
                self._top = last.beta
            self._low, self._last = min(last.beta, best.beta), best

    def _next(self) -> float | None:
        """The beta to look at next: near to the last one if that will do.

        None if the maximum is found, and is less.
        """
        last = self._last
        if last.reproduction <= 0:
            return None
        low, high = last.beta / _STRIDE, last.beta * _STRIDE
        beta = last.solution(self._aim, max(low, self._low), min(high, self._top))
        between = math.sqrt(last.beta * self._top)
        if self._reached or beta <= last.beta * _NEAR:
            return beta
        if between > last.beta * _NEAR:
            return min(beta, between)
        return None if self._lowest < last.beta else low

    def _look(self, beta: float, infections: tuple[int, ...], cases: int) -> None:
        """Let outbreaks run.

        Args:
            beta: Their beta.
            infections: In all of them, about; each time from typical cases of before.
            cases: How many of the typical ones to look at.
        """
        last = self._last
        expected = last.predicted(beta)
        depth = self._depth()
        size = float((expected ** np.arange(depth + 2)).sum())
        chosen, found = setting(*self._all, depth, beta), self._first
        for wanted in infections:
            count = min(max(math.ceil(wanted / size), _FEWEST), _OUTBREAKS)
            room = _ROOM * max(wanted, math.ceil(_FEWEST * size))
            found = watch(_some(found.ids, count), room, chosen)
        expectation = self._expectation(found, cases)
        reproduction = expectation.mean(beta) * found.success
        slope = _slope(last, beta, found.success)
        self._last = Look(beta, found, slope, expectation, reproduction)
        self._lowest = min(self._lowest, beta)

    def _depth(self) -> int:
        """How many generations are to infect; the same for all betas.

        Few outbreaks have many where cases infect one other or less: a typical case is
        of an early generation then. Elsewhere as many as leave most people susceptible.
        """
        target = self.target
        depth = DEPTH if target > 1 else _FADING
        while depth > 1 and target ** (depth + 1) > self._largest:
            depth -= 1
        return depth

    def _expectation(self, found: Found, cases: int) -> Expectation:
        return Expectation(_some(found.ids, cases), *self._all)


def _slope(last: Look, beta: float, share: float) -> float:
    """That of the share, from a look to another; the old one where they are near."""
    step = math.log(beta / last.beta)
    if last.reproduction <= 0 or share <= 0 or abs(step) < math.log(_FAR):
        return last.slope
    return min(max(math.log(share / last.found.success) / step, -1.0), 0.0)


def _anybody(seed: int, people: int) -> Ids:
    """People at random."""
    key = stream_key(seed, "disease.transmissibility")
    numbers = uniforms(key, np.arange(_OUTBREAKS), 0)
    found: Ids = (numbers * people).astype(np.int32)
    return found


def _some(ids: Ids, wanted: int) -> Ids:
    """As many as are wanted, evenly spaced; some more than once if there are fewer."""
    at = (np.arange(wanted) + 0.5) * (len(ids) / wanted)
    return ids[at.astype(np.int64)].astype(np.int32)
