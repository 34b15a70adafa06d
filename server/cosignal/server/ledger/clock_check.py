"""Compare this node's clock with the other authorities'.

What this module guarantees:

* The sequencer dates no entry while its clock disagrees with most of the network: an
  entry with a wrong time would have to be refused by everybody, and could never be
  taken back.
* One authority with a wrong clock delays its own blocks only.
"""

from statistics import median_low

from cosignal.protocol.errors import UnavailableError


class ClockCheck:
    """What is known of other clocks."""

    def __init__(self, skew_seconds: int) -> None:
        """Allow clocks to differ by `skew_seconds`."""
        self._skew = skew_seconds
        # Owned by `observe`: seconds by which each authority's clock was ahead.
        self._ahead: dict[str, int] = {}

    def observe(self, name: str, theirs: int, ours: int) -> None:
        """Note what an authority's clock said just now.

        Args:
            name: The authority.
            theirs: Its time, for example of a fresh co-signature; Unix seconds.
            ours: This node's time at that moment.
        """
        self._ahead[name] = theirs - ours

    @property
    def ahead(self) -> int:
        """Seconds by which most other clocks are ahead; 0 when none is known."""
        return median_low(self._ahead.values()) if self._ahead else 0

    def check(self, now: int, issuer_time: int | None = None) -> None:
        """Refuse to go on while clocks disagree.

        Args:
            now: This node's time, Unix seconds.
            issuer_time: The time of the node that sends a record.

        Raises:
            UnavailableError: They do; trying again later may help.
        """
        differences = [self.ahead]
        if issuer_time is not None:
            differences.append(issuer_time - now)
        worst = max(differences, key=abs)
        if abs(worst) > self._skew:
            raise UnavailableError(
                f"clock: expected the network's clocks within {self._skew} s of the "
                f"sequencer's, got one {worst} s ahead",
                advice="Set the clocks of both nodes right, for example by NTP.",
            )
