"""Write down what was measured: a table for people, one object for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cosignal.client.traffic import Kind
from cosignal.server.costs.day import DayCosts
from cosignal.server.costs.peers import EGRESS, PeerFigure, peer_figures
from cosignal.server.costs.tls import RECORD_BYTES, tls_bytes

_KILOBYTE = 1000
# Above this, a tenth of a kilobyte says nothing.
_ROUNDED_FROM = 100_000
_COLUMNS = (
    ("authorities", 11),
    ("block", 5),
    ("blocks", 6),
    ("requests", 8),
    ("up", 5),
    ("down", 6),
    ("bodies", 6),
    ("entries", 7),
    ("B/key", 6),
    ("sync s", 6),
    ("match s", 7),
    ("TLS*", 5),
)


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured.

    Attributes:
        days: One for each scenario, at least one; all with as many keys.
        handshake: Bytes of a TLS handshake, for the estimate.
    """

    days: Sequence[DayCosts]
    handshake: int

    @property
    def keys(self) -> int:
        """Keys a day."""
        return self.days[0].scenario.keys

    def lines(self) -> Iterator[str]:
        """For people."""
        scenario = self.days[0].scenario
        yield (
            f"A phone's day: {self.keys:,} keys of all authorities together, a sync "
            f"every {_hours(scenario.sync_hours)}"
        )
        yield _row([name for name, _ in _COLUMNS])
        yield from (_row(self._cells(day)) for day in self.days)
        yield (
            "block: hours between two of one authority; up, down, of it bodies and "
            "entries: kB of TCP, heads included"
        )
        yield "sync: processor time to fetch, verify and keep; match: to look for hits"
        yield (
            f"* estimated kB more, not included: {self.handshake} bytes a connection, "
            f"with one certificate, and {RECORD_BYTES} a record"
        )
        yield ""
        yield f"Others, for {self.keys:,} keys a day"
        yield from self._peers(computed=True)
        yield ""
        yield "Others, a day as reported"
        yield from self._peers(computed=False)
        yield ""
        yield EGRESS

    def value(self) -> dict[str, Any]:
        """For programs."""
        return {
            "keys": self.keys,
            "tls_handshake_bytes": self.handshake,
            "days": [self._day(day) for day in self.days],
            "peers": [
                {
                    "name": item.name,
                    "bytes_least": round(item.least),
                    "bytes_most": round(item.most),
                    "computed": item.computed,
                    "how": item.how,
                    "source": item.source,
                }
                for item in peer_figures(self.keys)
            ],
        }

    def _peers(self, *, computed: bool) -> Iterator[str]:
        for item in peer_figures(self.keys):
            if item.computed == computed:
                yield from _peer(item)

    def _cells(self, day: DayCosts) -> list[str]:
        total, account = day.account.total, day.account
        return [
            str(day.scenario.authorities),
            f"{day.scenario.block_hours} h",
            str(day.blocks),
            str(total.requests),
            _kilobytes(total.sent),
            _kilobytes(total.received),
            _kilobytes(account.of_kind(Kind.BODIES).received),
            _kilobytes(account.of_kind(Kind.ENTRIES).received),
            f"{day.bytes_per_key:.2f}",
            f"{day.sync_seconds:.2f}",
            f"{day.match_seconds:.2f}",
            _kilobytes(tls_bytes(account, self.handshake)),
        ]

    def _day(self, day: DayCosts) -> dict[str, Any]:
        total = day.account.total
        return {
            "authorities": day.scenario.authorities,
            "block_hours": day.scenario.block_hours,
            "sync_hours": day.scenario.sync_hours,
            "syncs": day.syncs,
            "blocks": day.blocks,
            "keys_published": day.published,
            "requests": total.requests,
            "connections": day.account.connections,
            "bytes_up": total.sent,
            "bytes_down": total.received,
            "bytes_per_key": round(day.bytes_per_key, 2),
            "sync_cpu_seconds": round(day.sync_seconds, 4),
            "match_cpu_seconds": round(day.match_seconds, 4),
            "tls_bytes_estimated": tls_bytes(day.account, self.handshake),
            "kinds": {kind.value: _kind(day, kind) for kind in Kind},
        }


def _kind(day: DayCosts, kind: Kind) -> dict[str, int]:
    found = day.account.of_kind(kind)
    return {
        "requests": found.requests,
        "bytes_up": found.sent,
        "bytes_down": found.received,
    }


def _row(cells: Sequence[str]) -> str:
    widths = (width for _, width in _COLUMNS)
    return " ".join(
        cell.rjust(width) for cell, width in zip(cells, widths, strict=True)
    )


def _peer(item: PeerFigure) -> Iterator[str]:
    least, most = _kilobytes(item.least), _kilobytes(item.most)
    size = least if least == most else f"{least} to {most}"
    yield f"  {item.name}: {size} kB"
    yield f"    {item.how}"
    yield f"    {item.source}"


def _kilobytes(size: float) -> str:
    digits = 1 if size < _ROUNDED_FROM else 0
    return f"{size / _KILOBYTE:,.{digits}f}"


def _hours(hours: int) -> str:
    return "hour" if hours == 1 else f"{hours} hours"
