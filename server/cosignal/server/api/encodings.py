"""Agree with a reader on whether a file travels packed.

What this module guarantees:

* `gzip` and nothing else is offered, and only to readers who ask for it.
* A header that cannot be understood asks for nothing, and refuses nobody.

Source: RFC 9110, section 12.5.3.
"""

import re

GZIP = "gzip"
_NAMES = frozenset({GZIP, "x-gzip"})
_IDENTITY = "identity"
_ANY = "*"
_WEIGHT = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")


def wants_gzip(header: str) -> bool:
    """Whether a reader takes gzip, and likes nothing better.

    Args:
        header: The `Accept-Encoding` lines, joined by commas; empty when there is none.

    Returns:
        False as well where the reader prefers the file as it is.

    >>> wants_gzip("gzip, deflate, br;q=0.5")
    True
    >>> wants_gzip("*;q=0.5, gzip;q=0")
    False
    """
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, weight = _parse(part)
        name = GZIP if name in _NAMES else name
        weights[name] = max(weight, weights.get(name, 0.0))
    gzip = weights.get(GZIP, weights.get(_ANY, 0.0))
    # Unless it is named, the file as it is will do, and is liked least.
    return gzip > 0 and gzip >= weights.get(_IDENTITY, 0.0)


def _parse(part: str) -> tuple[str, float]:
    """A coding and how much it is liked, 0 to 1."""
    name, mark, weight = (item.strip() for item in part.partition(";"))
    if not mark:
        return name, 1.0
    found = _WEIGHT.fullmatch(weight)
    return name, float(found[1]) if found else 0.0
