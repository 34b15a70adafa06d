"""Alerts: raised once, kept with their reasons, withdrawn when their ground is gone.

What this module guarantees:

* An alert is on the disk before anybody is told; a phone that dies in between tells it
  at the next look, and none is told twice.
* Every alert names the configuration that raised it and where that stands on the chain,
  and the blocks it rests on: anyone can check that they are what everybody has.
* An alert is withdrawn only when, by the very configuration that raised it, the day
  would raise none any more: its blocks were revoked or its keys revised. That rules
  change later, or that keys expire, takes nothing back.
* Reasons name a day, never a time of day: that would tell who it was.

Source: docs/explanation/risk.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from cosignal.client.configurations import StandingConfiguration
from cosignal.client.phone.assessment import Assessment, DayFacts
from cosignal.client.phone.database import Database
from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.exposure.configuration import MAX_DAYS
from cosignal.protocol.exposure.windows import DAY_SECONDS

#: Alerts are kept for this long after their day, days.
RETENTION_DAYS: Final = 15

SCHEMA = """
CREATE TABLE alerts (
  day INTEGER PRIMARY KEY,
  facts BLOB NOT NULL,
  raised INTEGER NOT NULL,
  withdrawn INTEGER,
  told INTEGER NOT NULL DEFAULT 0 CHECK (told BETWEEN 0 AND 2)
)
"""
#: What the person knows: nothing, that it was raised, that it was withdrawn.
_UNTOLD, _RAISED, _WITHDRAWN = range(3)

_REPORTS: Final = {
    ReportType.CONFIRMED_TEST: "a test confirmed the infection",
    ReportType.CONFIRMED_CLINICAL_DIAGNOSIS: "a doctor diagnosed the infection",
    ReportType.SELF_REPORT: "the person reported a test made at home",
}


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block on the chain.

    Attributes:
        shard: Where it stands.
        index: Its entry there.
        issuer: Authority that published it.
        region: Where its keys matter.
        commit: Its commitment, 32 bytes.
    """

    shard: str
    index: int
    issuer: str
    region: str
    commit: bytes


class Ground(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an alert rests on.

    Attributes:
        network: Whose chain.
        score: Weighted seconds of the day.
        needed: Weighted seconds that raise an alert.
        seconds: Time near, by distance: immediate, near, medium, other.
        report_types: How authorities know.
        blocks: Where the keys were published.
        configuration: Version of the configuration that raised it.
        shard: Where that stands.
        index: Its entry there.
    """

    network: str
    score: float
    needed: int
    seconds: tuple[int, ...]
    report_types: tuple[int, ...]
    blocks: tuple[Place, ...]
    configuration: int
    shard: str
    index: int


@dataclass(frozen=True, slots=True)
class Alert:
    """A day on which this person was near somebody infected.

    Attributes:
        day: Days since 1970-01-01, UTC.
        ground: What it rests on.
        raised: When, Unix seconds.
        withdrawn: When its ground was gone, Unix seconds; None while it stands.
    """

    day: int
    ground: Ground
    raised: int
    withdrawn: int | None

    @property
    def date(self) -> str:
        """The day as YYYY-MM-DD."""
        return datetime.fromtimestamp(self.day * DAY_SECONDS, UTC).strftime("%Y-%m-%d")

    def reasons(self) -> tuple[str, ...]:
        """Say in sentences what happened, who says so, and how to check it."""
        return tuple(_sentences(self))


@dataclass(frozen=True, slots=True)
class News:
    """What changed since a person was last told.

    Attributes:
        raised: New alerts.
        withdrawn: Alerts that were told and do not stand any more.
    """

    raised: tuple[Alert, ...]
    withdrawn: tuple[Alert, ...]


#: Weighs all encounters by a configuration.
Assess = Callable[[StandingConfiguration], Assessment]
#: Says whether a block has not expired.
IsLive = Callable[[Place], bool]


def update_alerts(
    database: Database,
    configurations: Sequence[StandingConfiguration],
    assess_by: Assess,
    is_live: IsLive,
    now: int,
) -> None:
    """Raise what is to be raised, withdraw what has lost its ground.

    Args:
        database: The phone's.
        configurations: All that the chain ever held, oldest first; the last is in
            force. Without any, nothing is raised.
        assess_by: Weighs by one of them.
        is_live: Whether what a block says is still known.
        now: Unix seconds.
    """
    if not configurations:
        return
    by_version = {item.record.version: item for item in configurations}
    known = {alert.day: alert for alert in alerts(database)}
    current = configurations[-1]
    assessment = assess_by(current)
    with database.write():
        for day in assessment.alert_days:
            if day not in known or known[day].withdrawn is not None:
                _raise(database, assessment.facts_of(day), current, now)
        for alert in known.values():
            if not _can_be_weighed(alert, is_live, now):
                continue
            by = by_version[alert.ground.configuration]
            ground = assessment if by is current else assess_by(by)
            if alert.day not in ground.alert_days:
                _withdraw(database, alert, now)
        _erase_old(database, now)


def alerts(database: Database) -> list[Alert]:
    """All alerts that are kept, the newest day first."""
    rows = database.read(
        "SELECT day, facts, raised, withdrawn FROM alerts ORDER BY day DESC"
    )
    return [
        Alert(day, msgspec.json.decode(facts, type=Ground), raised, withdrawn)
        for day, facts, raised, withdrawn in rows
    ]


def news(database: Database) -> News:
    """What a person has not been told yet; `mark_told` ends it."""
    told = dict(database.read("SELECT day, told FROM alerts"))
    found = alerts(database)
    return News(
        tuple(
            item
            for item in found
            if item.withdrawn is None and told[item.day] == _UNTOLD
        ),
        # One that was withdrawn before anybody knew of it is no news.
        tuple(
            item
            for item in found
            if item.withdrawn is not None and told[item.day] == _RAISED
        ),
    )


def mark_told(database: Database) -> None:
    """Remember that the person knows of everything there is now."""
    with database.write() as connection:
        connection.execute(
            "UPDATE alerts SET told = CASE WHEN withdrawn IS NULL THEN ? ELSE ? END",
            (_RAISED, _WITHDRAWN),
        )


def _can_be_weighed(alert: Alert, is_live: IsLive, now: int) -> bool:
    """Whether all that raised a standing alert is still there to be weighed again."""
    age = now // DAY_SECONDS - alert.day
    live = all(map(is_live, alert.ground.blocks))
    return alert.withdrawn is None and age <= MAX_DAYS and live


def _raise(
    database: Database, facts: DayFacts, by: StandingConfiguration, now: int
) -> None:
    places = tuple(
        Place(
            block.shard,
            block.index,
            block.record.issuer,
            block.record.region,
            block.record.commit,
        )
        for block in facts.blocks
    )
    ground = Ground(
        by.record.network,
        facts.score,
        by.record.parameters.alert_day_score,
        facts.seconds,
        facts.report_types,
        places,
        by.record.version,
        by.shard,
        by.index,
    )
    with database.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, NULL, 0)",
            (facts.day, msgspec.json.encode(ground), now),
        )


def _withdraw(database: Database, alert: Alert, now: int) -> None:
    with database.write() as connection:
        connection.execute(
            "UPDATE alerts SET withdrawn = ? WHERE day = ?", (now, alert.day)
        )


def _erase_old(database: Database, now: int) -> None:
    with database.write() as connection:
        connection.execute(
            "DELETE FROM alerts WHERE day < ?", (now // DAY_SECONDS - RETENTION_DAYS,)
        )


def _sentences(alert: Alert) -> Iterator[str]:
    ground = alert.ground
    yield (
        f"On {alert.date} this phone was near the phone of somebody infected: "
        f"{_times(ground.seconds)}. Distances are guessed from signal strength, which "
        "walls and bodies change."
    )
    for report in ground.report_types:
        yield f"How it is known: {_REPORTS.get(ReportType(report), 'not said')}."
    for block in ground.blocks:
        yield (
            f"{block.issuer} ({block.region}) published it in block "
            f"{block.shard}/{block.index} of {ground.network}, which a quorum of the "
            "authorities has signed."
        )
    yield (
        f"The rule is configuration {ground.configuration}, entry "
        f"{ground.shard}/{ground.index}, the same for everybody: a day of "
        f"{_minutes(ground.needed)} raises an alert, and this one weighs "
        f"{_minutes(ground.score)}, near ones more and far ones less."
    )
    if alert.withdrawn is not None:
        yield "The alert is withdrawn: the authority has taken back what it rests on."


def _times(seconds: Sequence[int]) -> str:
    names = ("very near", "near", "at some distance", "far away")
    found = [
        f"{name} for about {_minutes(time)}"
        for name, time in zip(names, seconds, strict=True)
        if time
    ]
    return ", ".join(found) or "for a moment"


def _minutes(seconds: float) -> str:
    minutes = max(round(seconds / 60), 1)
    return "1 minute" if minutes == 1 else f"{minutes} minutes"
