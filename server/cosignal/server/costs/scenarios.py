"""What is measured: how many publish, how often, and how often a phone looks."""

from dataclasses import dataclass

from cosignal.protocol.errors import UsageError
from cosignal.server.network import MAX_AUTHORITIES

DAY_HOURS = 24
HOUR_SECONDS = 3600
MOST_KEYS = 2_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """One network and one phone.

    Attributes:
        authorities: How many publish; the keys are shared out evenly.
        block_hours: Time between two blocks of one authority.
        sync_hours: Time between two syncs of the phone.
        keys: Diagnosis keys of real people that the network publishes in a day.
    """

    authorities: int
    block_hours: int
    sync_hours: int
    keys: int

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            UsageError: A number is out of range, or does not divide a day.
        """
        _check_range("--authorities", self.authorities, MAX_AUTHORITIES)
        _check_range("--keys", self.keys, MOST_KEYS)
        _check_divides_a_day("--block-hours", self.block_hours)
        _check_divides_a_day("--sync-hours", self.sync_hours)

    @property
    def blocks(self) -> int:
        """Most blocks in a day: one of each authority at a time, if it has keys."""
        return self.authorities * DAY_HOURS // self.block_hours


def _check_range(option: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise UsageError(f"{option}: expected 1 to {most}, got {value}")


def _check_divides_a_day(option: str, hours: int) -> None:
    if hours < 1 or DAY_HOURS % hours:
        raise UsageError(
            f"{option}: expected hours that divide a day, got {hours}",
            advice="Use 1, 2, 3, 4, 6, 8, 12 or 24.",
        )
