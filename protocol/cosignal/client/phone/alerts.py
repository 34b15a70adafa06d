"""Alerts: raised once, kept with their reasons, withdrawn when their ground is gone.

What this module guarantees:

* An alert is on the disk before anybody is told; a phone that dies in between tells it
  at the next look, and none is told twice.
* Every alert names the configuration that raised it and where that stands on the chain,
  and the blocks it rests on: anyone can check that they are what everybody has.
* An alert is withdrawn only when the day would raise none any more, neither by the very
  configuration that raised it nor by the one in force: its blocks were revoked or its
  keys revised. That rules change later, that time passes, or that keys expire, takes
  nothing back.
* An alert that stands tells what it rests on now, as long as all of that is on the
  chain; what changes about its ground is not told anew.
* Told is what was shown: an alert that changes meanwhile is news again.
* An alert whose row is damaged is left out alone, and raised again.
* Reasons name a day, never a time of day: that would tell who it was.

Source: docs/explanation/risk.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from sqlite3 import Connection
from typing import Final

import msgspec

from cosignal.client.configurations import StandingConfiguration
from cosignal.client.phone.assessment import Assessment
from cosignal.client.phone.database import Database
from cosignal.client.phone.heard_keys import Place
from cosignal.protocol.diagnosis_keys import ReportType
from cosignal.protocol.exposure.configuration import (
    MAX_DAYS,
    ExposureConfiguration,
)
from cosignal.protocol.exposure.summaries import is_recent
from cosignal.protocol.exposure.windows import DAY_SECONDS

#: Alerts are kept for this long after their day, days.
RETENTION_DAYS: Final = 15

SCHEMA = """
CREATE TABLE alerts (
  day INTEGER PRIMARY KEY CHECK (day BETWEEN 0 AND 49710),
  facts BLOB NOT NULL,
  raised INTEGER NOT NULL CHECK (raised BETWEEN 0 AND 4294967295),
  withdrawn INTEGER CHECK (withdrawn BETWEEN 0 AND 4294967295),
  told INTEGER NOT NULL DEFAULT 0 CHECK (told BETWEEN 0 AND 2)
) STRICT
"""
#: What the person knows: nothing, that it was raised, that it was withdrawn.
_UNTOLD, _RAISED, _WITHDRAWN = range(3)

_REPORTS: Final = {
    ReportType.CONFIRMED_TEST: "a test confirmed the infection",
    ReportType.CONFIRMED_CLINICAL_DIAGNOSIS: "a doctor diagnosed the infection",
    ReportType.SELF_REPORT: "the person reported a test made at home",
}


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
    seconds: tuple[int, int, int, int]
    report_types: tuple[ReportType, ...]
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


#: Weighs everything heard by some parameters.
Assess = Callable[[ExposureConfiguration], Assessment]
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
        assess_by: Weighs by parameters; called once a configuration.
        is_live: Whether what a block says is still known.
        now: Unix seconds.
    """
    if not configurations:
        return
    current = configurations[-1]
    by_version = {item.record.version: item for item in configurations}
    weigh = _Weighing(assess_by)
    known = {alert.day: alert for alert in alerts(database)}
    with database.write() as connection:
        for day in weigh.days(current):
            is_new = day not in known or known[day].withdrawn is not None
            if is_new and is_recent(day, current.record.parameters, now):
                _raise(connection, day, weigh.ground(day, current), now)
        for alert in known.values():
            by = by_version.get(alert.ground.configuration)
            if by is not None and _can_be_weighed(alert, is_live, now):
                _weigh_again(connection, alert, weigh, (by, current), now)


class _Weighing:
    """What each configuration says, worked out once, and of days of any age."""

    def __init__(self, assess_by: Assess) -> None:
        self._assess_by = assess_by
        self._done: dict[int, Assessment] = {}

    def days(self, by: StandingConfiguration) -> tuple[int, ...]:
        """Days that raise an alert, however long ago."""
        return self._assessment(by).alert_days

    def ground(self, day: int, by: StandingConfiguration) -> Ground:
        """What an alert of such a day rests on."""
        facts = self._assessment(by).facts_of(day)
        return Ground(
            by.record.network,
            facts.score,
            by.record.parameters.alert_day_score,
            facts.seconds,
            facts.report_types,
            facts.blocks,
            by.record.version,
            by.shard,
            by.index,
        )

    def _assessment(self, by: StandingConfiguration) -> Assessment:
        version, parameters = by.record.version, by.record.parameters
        if version not in self._done:
            ageless = replace(parameters, days_since_exposure=0)
            self._done[version] = self._assess_by(ageless)
        return self._done[version]


def alerts(database: Database) -> list[Alert]:
    """All alerts that are kept, the newest day first."""
    return [alert for alert, _ in _read(database)]


def news(database: Database) -> News:
    """What a person has not been told yet; `mark_told` ends it."""
    found = _read(database)
    return News(
        tuple(
            item for item, told in found if item.withdrawn is None and told == _UNTOLD
        ),
        # One that was withdrawn before anybody knew of it is no news.
        tuple(
            item
            for item, told in found
            if item.withdrawn is not None and told == _RAISED
        ),
    )


def mark_told(database: Database, shown: News) -> None:
    """Remember that the person knows of what was shown.

    Args:
        database: The phone's.
        shown: What `news` gave. An alert that was withdrawn since is told to be.
    """
    with database.write() as connection:
        connection.executemany(
            "UPDATE alerts SET told = ? WHERE day = ? AND raised = ? AND told = ?",
            [(_RAISED, item.day, item.raised, _UNTOLD) for item in shown.raised],
        )
        connection.executemany(
            "UPDATE alerts SET told = ? WHERE day = ? AND raised = ? AND withdrawn = ?",
            [
                (_WITHDRAWN, item.day, item.raised, item.withdrawn)
                for item in shown.withdrawn
            ],
        )


def erase_old_alerts(database: Database, now: int) -> None:
    """Erase alerts of days that are over since 15 days."""
    with database.write() as connection:
        connection.execute(
            "DELETE FROM alerts WHERE day < ?", (now // DAY_SECONDS - RETENTION_DAYS,)
        )


def _read(database: Database) -> list[tuple[Alert, int]]:
    """Every alert that can be read, and what of it was told."""
    rows = database.read(
        "SELECT day, facts, raised, withdrawn, told FROM alerts ORDER BY day DESC"
    )
    found = []
    for day, facts, raised, withdrawn, told in rows:
        try:
            ground = msgspec.json.decode(facts, type=Ground)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        found.append((Alert(day, ground, raised, withdrawn), told))
    return found


def _can_be_weighed(alert: Alert, is_live: IsLive, now: int) -> bool:
    """Whether all that raised a standing alert is still there to be weighed again."""
    age = now // DAY_SECONDS - alert.day
    live = all(map(is_live, alert.ground.blocks))
    return alert.withdrawn is None and age <= MAX_DAYS and live


def _weigh_again(
    connection: Connection,
    alert: Alert,
    weigh: _Weighing,
    by: Sequence[StandingConfiguration],
    now: int,
) -> None:
    """Bring the ground of an alert up to date; withdraw it if there is none."""
    for each in by:
        if alert.day in weigh.days(each):
            ground = weigh.ground(alert.day, each)
            if ground != alert.ground:
                connection.execute(
                    "UPDATE alerts SET facts = ? WHERE day = ?",
                    (msgspec.json.encode(ground), alert.day),
                )
            return
    connection.execute(
        "UPDATE alerts SET withdrawn = ? WHERE day = ?", (now, alert.day)
    )


def _raise(connection: Connection, day: int, ground: Ground, now: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, NULL, ?)",
        (day, msgspec.json.encode(ground), now, _UNTOLD),
    )


def _sentences(alert: Alert) -> Iterator[str]:
    ground = alert.ground
    yield (
        f"On {alert.date} this phone was near the phone of somebody infected: "
        f"{_times(ground.seconds)}. Distances are guessed from signal strength, which "
        "walls and bodies change."
    )
    for report in ground.report_types:
        yield f"How it is known: {_REPORTS.get(report, 'not said')}."
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
