"""What others' phones download in a day, with sources.

Where a size a key or a person is known, it is put to the same number of keys. What a
whole country or one phone was reported to take stands as it was reported.
"""

from collections.abc import Iterator
from dataclasses import dataclass

MEGABYTE = 1_000_000
MONTH_DAYS = 30


@dataclass(frozen=True, slots=True)
class PeerFigure:
    """One figure of somebody else's.

    Attributes:
        name: Whose.
        least: Bytes a day.
        most: The same, where the source gives a range.
        how: What the figure is of.
        source: Where it stands.
        computed: Whether it is for the number of keys asked for; else as reported.
    """

    name: str
    least: float
    most: float
    how: str
    source: str
    computed: bool


@dataclass(frozen=True, slots=True)
class _Rate:
    """Bytes a key-day: one day's key of one person, or what stands in its place."""

    name: str
    least: float
    most: float
    how: str
    source: str


_EXPORT = "google/exposure-notifications-server, internal/pb/export/export.proto"
_DP3T = "DP-3T/documents, DP3T White Paper.pdf"

_RATES = (
    _Rate(
        "Exposure Notification export (GAEN, Corona-Warn-App, SwissCovid)",
        19.29,
        20.74,
        "19.29 to 20.74 bytes a key in zips of 100,000 to 1,000 keys of that format; "
        "index and heads not counted",
        _EXPORT,
    ),
    _Rate(
        "Exposure Notification, size estimate",
        16.0,
        16.0,
        "22.4 MB for 14 days of 100,000 people: the bare keys",
        "google/exposure-notifications-internals, en-risks-and-mitigations-faq.md",
    ),
    _Rate(
        "DP-3T low-cost",
        36 / 5,
        36 / 5,
        "36 bytes once for a person's 5 contagious days, which can then be linked",
        _DP3T,
    ),
    _Rate(
        "DP-3T unlinkable",
        2880 / 5,
        2880 / 5,
        "a cuckoo filter, 2,880 bytes for a person's 5 contagious days",
        _DP3T,
    ),
    _Rate(
        "DP-3T hybrid",
        96.0,
        192.0,
        "16 bytes for each window of 4 or of 2 hours",
        _DP3T,
    ),
)

_REPORTED = (
    *(
        PeerFigure(
            f"DP-3T {scheme}",
            min(sizes) * MEGABYTE,
            max(sizes) * MEGABYTE,
            "daily download at the peak of 2020, Switzerland to Spain",
            _DP3T,
            computed=False,
        )
        for scheme, sizes in (
            ("low-cost", (0.04, 0.19, 0.28)),
            ("unlinkable", (3.82, 17.29, 25.22)),
            ("hybrid, 4 hours", (0.64, 2.88, 4.20)),
        )
    ),
    PeerFigure(
        "Corona-Warn-App, one phone",
        2250 * MEGABYTE / MONTH_DAYS,
        2250 * MEGABYTE / MONTH_DAYS,
        "2.25 GB in a month, hourly and daily packages; a user's complaint",
        "corona-warn-app/cwa-app-android#4753",
        computed=False,
    ),
)

#: What reading costs the server's side, for scale; not bytes, so not in the list.
EGRESS = (
    "Google's key server: $10,000 a month and more for downloads alone, 10 million "
    "people, half of them with the app, 1,250 cases a day "
    "(google/exposure-notifications-server, docs/getting-started/estimating-costs.md)"
)


def peer_figures(keys: int) -> Iterator[PeerFigure]:
    """Others' figures.

    Args:
        keys: Keys a day, for those that depend on it.

    Yields:
        First what is computed, then what was reported.
    """
    for rate in _RATES:
        yield PeerFigure(
            rate.name,
            rate.least * keys,
            rate.most * keys,
            rate.how,
            rate.source,
            computed=True,
        )
    yield from _REPORTED
