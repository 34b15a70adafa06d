"""How numbers are written for people."""

import math
from typing import Final

#: From here on digits after the point say nothing.
_WHOLE: Final = 1000


def number(value: float) -> str:
    """Write a number with as many digits as a reader wants.

    >>> number(1234.5), number(0.12345), number(-0.0000123)
    ('1,234', '0.123', '-1.23e-05')
    """
    if not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= _WHOLE else f"{value:.3g}"
