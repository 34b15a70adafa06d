"""The two forms of a verification code: to be typed, and to be sent as a link."""

from dataclasses import dataclass

from cosignal.server.clock import Entropy

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
LONG_CHARACTERS = 16

_DRAW_BYTES = 32


@dataclass(frozen=True, slots=True)
class TypedCode:
    """A code as somebody sent it.

    Attributes:
        text: Without blanks and hyphens, in small letters.
        short: Whether it has the short form.
    """

    text: str
    short: bool


def draw_short(entropy: Entropy, digits: int) -> str:
    """Draw a short code: so many digits, all equally likely."""
    return str(_draw(entropy, int(10**digits))).zfill(digits)


def draw_long(entropy: Entropy) -> str:
    """Draw a long code: 16 letters and digits, all equally likely."""
    number = _draw(entropy, len(ALPHABET) ** LONG_CHARACTERS)
    letters = []
    for _ in range(LONG_CHARACTERS):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def read_code(typed: str, digits: int) -> TypedCode | None:
    """Recognise the form of a code.

    Args:
        typed: As it came.
        digits: Of a short code.

    Returns:
        The code, or None for what cannot be one.
    """
    text = typed.replace(" ", "").replace("-", "").lower()
    if not set(text) <= set(ALPHABET):
        return None
    if len(text) == digits and text.isdigit():
        return TypedCode(text, short=True)
    return TypedCode(text, short=False) if len(text) == LONG_CHARACTERS else None


def _draw(entropy: Entropy, limit: int) -> int:
    # 256 bits make the remainder's bias unmeasurable.
    return int.from_bytes(entropy(_DRAW_BYTES), "big") % limit
