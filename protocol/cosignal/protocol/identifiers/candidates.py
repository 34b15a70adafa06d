"""The schemes that Cosignal could have run, side by side behind one interface.

What this module guarantees:

* `GAEN` publishes what Cosignal publishes, a `bodies` file, and finds hits with
  Cosignal's own `matching`; no figure of ours is better than what phones get.
* No published file tells in which order people were put into it.

=================== ====================================================================
`GAEN`              a random key a day; published: the keys
`LOW_COST`          DP-3T low-cost: one key, hashed from day to day; published: the
                    first day's
`UNLINKABLE`        DP-3T unlinkable: a random seed each 15 minutes; published: a cuckoo
                    filter of all identifiers
`TCN`               a random ratchet each 6 hours; published: where it starts, signed
=================== ====================================================================

Source: docs/explanation/identifier-schemes.md.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from cosignal.protocol import matching
from cosignal.protocol.bodies import SALT_BYTES as BODY_SALT_BYTES
from cosignal.protocol.bodies import encode_body, parse_body
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.draws import shuffled
from cosignal.protocol.identifiers import cuckoo, dp3t, gaen, tcn
from cosignal.protocol.identifiers.schemes import (
    DAY_SECONDS,
    IDENTIFIER_BYTES,
    Entropy,
    Hit,
    Phone,
    Scheme,
    Sighting,
    Work,
    check_days,
    check_people,
    check_sightings,
    draw,
)
from cosignal.protocol.intervals import DAY_INTERVALS, INTERVAL_SECONDS, interval_at

#: TCN leaves open how long a number lasts; 15 minutes is when phones change addresses.
TCN_EPOCH_SECONDS: Final = 900
#: "We suggest a report timespan of 6 hours or less."
TCN_REPORT_NUMBERS: Final = 24
TCN_REPORTS_PER_DAY: Final = DAY_SECONDS // TCN_EPOCH_SECONDS // TCN_REPORT_NUMBERS


class Gaen:
    """Exposure Notification v1.2, in the body of one of Cosignal's blocks."""

    name: Final = "gaen"
    work: Final = Work(hashes_per_day=6, ciphers_per_day=DAY_INTERVALS)

    def derive(self, start: int, days: int, entropy: Entropy) -> Phone:
        """Draw a key for each day."""
        check_days(start, days)
        keys = tuple(draw(entropy, gaen.TEK_BYTES) for _ in range(days))
        joined = b"".join(
            gaen.rolling_proximity_identifiers(
                key, interval_at(start) + DAY_INTERVALS * day, DAY_INTERVALS
            )
            for day, key in enumerate(keys)
        )
        return Phone(start, INTERVAL_SECONDS, keys, _split(joined))

    def publish(self, people: Sequence[Phone], entropy: Entropy) -> bytes:
        """Write a body: every key, sorted, with its first interval."""
        check_people(people, 1, gaen.TEK_BYTES)
        keys = [
            DiagnosisKey(
                key,
                interval_at(phone.start) + DAY_INTERVALS * day,
                DAY_INTERVALS,
                ReportType.CONFIRMED_TEST,
                Infectiousness.STANDARD,
            )
            for phone in people
            for day, key in enumerate(phone.secrets)
        ]
        return encode_body(keys, draw(entropy, BODY_SALT_BYTES))

    def match(self, published: bytes, heard: Sequence[Sighting]) -> list[Hit]:
        """Derive 144 identifiers of each key; look for them within two hours."""
        check_sightings(heard)
        identifiers = b"".join(sighting.identifier for sighting in heard)
        times = np.array([sighting.time for sighting in heard], np.int64)
        sightings = matching.Sightings(identifiers, times // INTERVAL_SECONDS)
        found = matching.match(parse_body(published).columns(), sightings)
        return _sorted(Hit(hit.sighting, hit.key) for hit in found)


class LowCost:
    """DP-3T, low-cost design; released at the end of the last day."""

    name: Final = "dp3t-low-cost"
    work: Final = Work(hashes_per_day=5, ciphers_per_day=dp3t.EPOCHS_PER_DAY)

    def derive(self, start: int, days: int, entropy: Entropy) -> Phone:
        """Draw one key, hash it from day to day, use each day's in random order."""
        check_days(start, days)
        first = key = draw(entropy, dp3t.KEY_BYTES)
        used: list[bytes] = []
        for _ in range(days):
            used += shuffled(_split(dp3t.day_identifiers(key)), entropy)
            key = dp3t.next_day_key(key)
        return Phone(start, dp3t.EPOCH_SECONDS, (first,), tuple(used))

    def publish(self, people: Sequence[Phone], entropy: Entropy) -> bytes:  # noqa: ARG002 - keys need no salt
        """Write each person's first key and its day, sorted by key."""
        check_people(people, 0, dp3t.KEY_BYTES)
        release = max((phone.end for phone in people), default=dp3t.BATCH_SECONDS)
        keys = [
            dp3t.DayKey(phone.secrets[0], phone.start // DAY_SECONDS)
            for phone in people
        ]
        return dp3t.publish_day_keys(keys, release).encode()

    def match(self, published: bytes, heard: Sequence[Sighting]) -> list[Hit]:
        """Derive 96 identifiers a day; they count on that day, before the release."""
        batch = dp3t.parse_day_keys(published)
        index = _index(heard)
        return _sorted(
            Hit(number, source)
            for source, day, joined in batch.identifiers()
            for identifier in _split(joined)
            for number, time in index.get(identifier, ())
            if time // DAY_SECONDS == day and time < batch.release
        )


class Unlinkable:
    """DP-3T, unlinkable design."""

    name: Final = "dp3t-unlinkable"
    work: Final = Work(hashes_per_day=0, hashes_per_sighting=2)

    def derive(self, start: int, days: int, entropy: Entropy) -> Phone:
        """Draw a seed for each epoch."""
        check_days(start, days)
        epochs = dp3t.EPOCHS_PER_DAY * days
        seeds = tuple(draw(entropy, dp3t.KEY_BYTES) for _ in range(epochs))
        used = tuple(map(dp3t.seed_identifier, seeds))
        return Phone(start, dp3t.EPOCH_SECONDS, seeds, used)

    def publish(self, people: Sequence[Phone], entropy: Entropy) -> bytes:
        """Write a cuckoo filter of every identifier bound to its epoch."""
        check_people(people, dp3t.EPOCHS_PER_DAY, dp3t.KEY_BYTES)
        observable = [
            dp3t.hashed_observation(
                dp3t.seed_identifier(seed), dp3t.epoch_at(phone.start) + number
            )
            for phone in people
            for number, seed in enumerate(phone.secrets)
        ]
        return cuckoo.build_filter(
            observable, draw(entropy, cuckoo.SALT_BYTES)
        ).encode()

    def match(self, published: bytes, heard: Sequence[Sighting]) -> list[Hit]:
        """Ask the filter about each sighting; it cannot say whose it is."""
        check_sightings(heard)
        observed = [
            dp3t.hashed_observation(sighting.identifier, dp3t.epoch_at(sighting.time))
            for sighting in heard
        ]
        found = cuckoo.parse_filter(published).contains(observed)
        return [Hit(number, None) for number in np.flatnonzero(found).tolist()]


class TcnReports:
    """TCN, with a report for each 6 hours."""

    name: Final = "tcn"
    work: Final = Work(
        hashes_per_day=3 * TCN_REPORT_NUMBERS * TCN_REPORTS_PER_DAY,
        signatures_per_day=TCN_REPORTS_PER_DAY,
    )

    def derive(self, start: int, days: int, entropy: Entropy) -> Phone:
        """Draw a key for each 6 hours; ratchet it from number to number."""
        check_days(start, days)
        count = TCN_REPORTS_PER_DAY * days
        raks = tuple(draw(entropy, tcn.RAK_BYTES) for _ in range(count))
        used: list[bytes] = []
        for rak in raks:
            key = tcn.initial_key(rak)
            for _ in range(TCN_REPORT_NUMBERS):
                key = key.ratchet()
                used.append(key.number())
        return Phone(start, TCN_EPOCH_SECONDS, raks, tuple(used))

    def publish(self, people: Sequence[Phone], entropy: Entropy) -> bytes:  # noqa: ARG002 - signatures are deterministic
        """Write every report, without memo; sorted, or neighbours would be linked."""
        check_people(people, TCN_REPORTS_PER_DAY, tcn.RAK_BYTES)
        reports = (
            tcn.sign_report(rak, 1, TCN_REPORT_NUMBERS).encode()
            for phone in people
            for rak in phone.secrets
        )
        return b"".join(sorted(reports))

    def match(self, published: bytes, heard: Sequence[Sighting]) -> list[Hit]:
        """Verify each report, ratchet through its numbers; time plays no part."""
        index = _index(heard)
        reports = map(tcn.verify_report, tcn.parse_reports(published))
        return _sorted(
            Hit(number, source)
            for source, report in enumerate(reports)
            for identifier in report.numbers()
            for number, _ in index.get(identifier, ())
        )


GAEN: Final = Gaen()
LOW_COST: Final = LowCost()
UNLINKABLE: Final = Unlinkable()
TCN: Final = TcnReports()
#: All of them, the one that Cosignal runs first.
CANDIDATES: Final[tuple[Scheme, ...]] = (GAEN, LOW_COST, UNLINKABLE, TCN)


def _split(joined: bytes) -> tuple[bytes, ...]:
    return tuple(
        joined[first : first + IDENTIFIER_BYTES]
        for first in range(0, len(joined), IDENTIFIER_BYTES)
    )


def _index(heard: Sequence[Sighting]) -> Mapping[bytes, Sequence[tuple[int, int]]]:
    """Number and time of the sightings of each identifier."""
    check_sightings(heard)
    found: defaultdict[bytes, list[tuple[int, int]]] = defaultdict(list)
    for number, (identifier, time) in enumerate(heard):
        found[identifier].append((number, time))
    return found


def _sorted(hits: Iterable[Hit] | Iterator[Hit]) -> list[Hit]:
    """In order of the sightings; a source is never None here."""
    return sorted(hits, key=lambda hit: (hit.sighting, hit.source or 0))
