"""Search for the beta with which a typical case infects as many as are wanted.

How many a typical case infects is a product, see `transmissibility`. The first factor
grows with beta. The second, the share that is still susceptible, falls: by little where
most contacts are with strangers, by so much where people meet the same few each day
that the product has a maximum. So betas are tried from a small one up; at each, small
outbreaks show the share and who the typical cases are, and with both the next beta is
chosen. Typical cases of one look are the first cases of the next one's outbreaks.

What this module guarantees:

* At the answer the share is known to 1 %, beside chance, or so is the product.
* What is refused was not reached at any beta on the way, up to the maximum.
* All looks have the same draws for an outbreak of a number.
"""

import math
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError
from cosignal.simulator.disease.expectations import Expectation
from cosignal.simulator.disease.small_outbreaks import DEPTH, Found, setting, watch
from cosignal.simulator.disease.tables import Tables
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People
from cosignal.simulator.streams import stream_key, uniforms

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

#: Infections in the outbreaks of a look: on the way, in the end; about.
_GLANCE: Final = 30_000
_LONG_LOOK: Final = 150_000
#: Room for how many times as many.
_ROOM: Final = 4
#: Outbreaks of a look, at most.
_OUTBREAKS: Final = 150_000
#: Cases whose contacts are looked at: on the way, in the end.
_FEW: Final = 1400
_MANY: Final = 7000
#: Outbreaks of less would hardly have the generations that are looked at; the share
#: hardly changes below.
_LEAST: Final = 0.1
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
        share = self.found.success * (beta / self.beta) ** self.slope
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

        Raises:
            UsageError: Nobody can infect anybody.
        """
        self._all = (parameters, people, tables)
        self._wanted = wanted
        self._largest = min(_LARGEST, _SMALL * len(people.age))
        anybody = _anybody(parameters.seed, len(people.age))
        found = Found(anybody, 1.0, tables.profile.astype(np.float64))
        self._last = Look(0.1, found, 0.0, self._expectation(found, _FEW), 0.0)
        self._best, self._lowest = self._last, _BETA_MAX
        self._low, self._top, self._reached = _BETA_MIN, _BETA_MAX, False
        if self._last.predicted(_BETA_MAX) <= 0:
            raise self._refused("0 where nobody can infect anybody")

    def beta(self) -> float:
        """Find it.

        Raises:
            UsageError: People do not meet so many others.
        """
        beta = self._approached()
        for _ in range(_LONG_LOOKS):
            self._look(beta, _LONG_LOOK, _MANY)
            last, target = self._last, self._target
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
        raise self._too_many()

    @property
    def _target(self) -> float:
        return self._wanted(self._last.found.intervals)

    def _approached(self) -> float:
        """Look at outbreaks of one beta after the other, until the next one is near."""
        aim = max(self._target, _LEAST)
        half = min(aim, self._last.predicted(_BETA_MAX)) / 2
        beta = self._last.solution(half, _BETA_MIN, _BETA_MAX)
        for _ in range(_GLANCES):
            self._look(beta, _GLANCE, _FEW)
            aim = max(self._target, _LEAST)
            self._bracket(aim)
            beta = self._next(aim)
            if 1 / _NEAR <= beta / self._last.beta <= _NEAR:
                return beta
        raise self._too_many()

    def _bracket(self, aim: float) -> None:
        """Take the last look for a bound, and go back to the best if it is worse."""
        last, best = self._last, self._best
        if last.reproduction >= aim:
            self._top, self._reached = last.beta, True
        elif last.reproduction >= best.reproduction:
            if last.beta < best.beta:
                self._top = best.beta
            self._low, self._best = last.beta, last
        elif last.beta > best.beta:
            self._top, self._last = last.beta, best
        else:
            self._low, self._last = last.beta, best

    def _next(self, aim: float) -> float:
        """The beta to look at next: near to the last one if that will do.

        Raises:
            UsageError: The maximum is found, and is less.
        """
        last = self._last
        if last.reproduction <= 0:
            raise self._too_many()
        low, high = last.beta / _STRIDE, last.beta * _STRIDE
        beta = last.solution(aim, max(low, self._low), min(high, self._top))
        between = math.sqrt(last.beta * self._top)
        if self._reached or beta <= last.beta * _NEAR:
            return beta
        if between > last.beta * _NEAR:
            return min(beta, between)
        if self._lowest < last.beta:
            raise self._too_many()
        return low

    def _look(self, beta: float, infections: int, cases: int) -> None:
        """Let outbreaks run.

        Args:
            beta: Their beta.
            infections: In all of them, about.
            cases: How many of the typical ones to look at.
        """
        last = self._last
        expected = last.predicted(beta)
        depth = DEPTH
        while depth > 1 and expected ** (depth + 1) > self._largest:
            depth -= 1
        size = float((expected ** np.arange(depth + 2)).sum())
        first = _some(last.found.ids, min(_OUTBREAKS, math.ceil(infections / size)))
        found = watch(first, _ROOM * infections, setting(*self._all, depth, beta))
        expectation = self._expectation(found, cases)
        reproduction = expectation.mean(beta) * found.success
        slope = _slope(last, beta, found.success)
        self._last = Look(beta, found, slope, expectation, reproduction)
        self._lowest = min(self._lowest, beta)

    def _expectation(self, found: Found, cases: int) -> Expectation:
        return Expectation(_some(found.ids, cases), *self._all)

    def _too_many(self) -> UsageError:
        most = max(self._best.reproduction, 0.0)
        return self._refused(f"at most {most:.3g} with these contacts")

    def _refused(self, expected: str) -> UsageError:
        return UsageError(
            f"disease.r0: expected {expected}, got {self._target:.3g}",
            advice="Give people more contacts, layers weight, and ages susceptibility.",
        )


def _slope(last: Look, beta: float, share: float) -> float:
    """That of the share, from a look to another; the old one where they are near."""
    step = math.log(beta / last.beta)
    if last.reproduction <= 0 or share <= 0 or abs(step) < math.log(_NEAR):
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
