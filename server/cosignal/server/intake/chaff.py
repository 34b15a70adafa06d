"""Answer fake requests so that nobody on the line can tell them from real ones.

What this module guarantees:

* A fake answer has the length and the duration of one recent real answer, drawn at
  random, both from the same one.
* A node that has answered nothing yet draws from plausible answers instead; it never
  answers at once, or with nothing.

Source: exposure-notifications-server and go-chaff, whose plain means this replaces.
"""

from base64 import b64encode
from collections import deque
from collections.abc import Iterable

from cosignal.server.clock import Entropy

#: How many real answers are remembered.
REMEMBERED = 256
#: Least and most random bytes in a real answer.
PADDING_LEAST = 1024
PADDING_SPREAD = 1024

_COLD_ANSWERS = 16
_COLD_MILLISECONDS = range(4, 40)
_DRAW_BYTES = 8


class RecentAnswers:
    """Durations and lengths of the latest real answers to one call."""

    def __init__(self, entropy: Entropy, *, usual_bytes: int) -> None:
        """Begin with plausible answers.

        Args:
            entropy: Gives random bytes.
            usual_bytes: Length of a real answer without its padding.
        """
        self._entropy = entropy
        self._seen: deque[tuple[float, int]] = deque(
            self._imagine(usual_bytes), maxlen=REMEMBERED
        )

    def record(self, seconds: float, size: int) -> None:
        """Remember a real answer.

        Args:
            seconds: From the request's arrival to the answer.
            size: Length of the answer's body, bytes.
        """
        self._seen.append((seconds, size))

    def draw(self) -> tuple[float, int]:
        """Choose what the next fake answer imitates.

        Returns:
            Seconds and bytes of one remembered answer.
        """
        return self._seen[draw_below(self._entropy, len(self._seen))]

    def _imagine(self, usual_bytes: int) -> Iterable[tuple[float, int]]:
        for _ in range(_COLD_ANSWERS):
            pause = draw_below(self._entropy, len(_COLD_MILLISECONDS))
            yield (
                _COLD_MILLISECONDS[pause] / 1000,
                usual_bytes + len(random_padding(self._entropy)),
            )


def random_padding(entropy: Entropy) -> str:
    """Random base64 for a real answer: 1,024 to 2,047 bytes."""
    size = PADDING_LEAST + draw_below(entropy, PADDING_SPREAD)
    return b64encode(entropy(size)).decode()


def filler(entropy: Entropy, size: int) -> str:
    """Random characters of base64, exactly `size` of them."""
    return b64encode(entropy(size * 3 // 4 + 1)).decode()[:size]


def draw_below(entropy: Entropy, limit: int) -> int:
    """A random number from 0 to `limit` - 1."""
    return int.from_bytes(entropy(_DRAW_BYTES), "big") % limit
