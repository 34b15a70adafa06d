"""How a parameter is declared: once, with all that a reader must know.

What this module guarantees:

* Every field of a group has meaning, unit and source; the dictionary in the docs, the
  command line and the checks are made from the same declaration.
* A value out of range is refused by its dotted name, with the allowed range.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final

from cosignal.protocol.errors import UsageError

_KEY: Final = "parameter"
#: From here on `g` would write exponents.
_LARGE: Final = 100_000


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a reader must know of a parameter.

    Attributes:
        meaning: One sentence.
        unit: Of the value; "1" for a pure number, "" for text.
        low: Least allowed value, for each element of a list.
        high: Greatest allowed value.
        choices: All allowed values of a text.
        source: Where the default comes from.
        symbol: As in the explanation of the model.
        words: What people call each choice; empty if as it is.
    """

    meaning: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    source: str
    symbol: str
    words: tuple[str, ...] = ()


def parameter(
    default: Any,  # noqa: ANN401 - any value of a field
    meaning: str,
    *,
    unit: str,
    source: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    symbol: str = "",
    words: Sequence[str] = (),
) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare a field of a group of parameters.

    Args:
        default: Its value; tuples for lists.
        meaning: One sentence.
        unit: Of the value.
        source: Where the default comes from.
        low: Least allowed value.
        high: Greatest allowed value.
        choices: All allowed values of a text.
        symbol: As in the explanation of the model.
        words: What people call each of the choices.
    """
    declaration = Declaration(
        meaning, unit, low, high, tuple(choices), source, symbol, tuple(words)
    )
    return field(default=default, metadata={_KEY: declaration})


def declarations(group: Any) -> Iterator[tuple[str, Declaration, Any]]:  # noqa: ANN401
    """List a group's own parameters, and those of the groups in it, by dotted names.

    Args:
        group: A dataclass whose fields are parameters or groups.

    Yields:
        Dotted name, declaration, value.
    """
    for item in fields(group):
        value = getattr(group, item.name)
        if is_dataclass(value):
            for name, declared, inner in declarations(value):
                yield f"{item.name}.{name}", declared, inner
        elif _KEY in item.metadata:
            yield item.name, item.metadata[_KEY], value


def check(name: str, declared: Declaration, value: Any) -> None:  # noqa: ANN401
    """Refuse a value that is out of range.

    Raises:
        UsageError: The message has the dotted name and the allowed range.
    """
    if declared.choices:
        if value not in declared.choices:
            raise UsageError(
                f"{name}: expected one of {', '.join(declared.choices)}, got {value!r}",
                advice=f"{_nearest(declared, str(value))}{declared.meaning}.",
            )
        return
    for number in value if isinstance(value, tuple) else (value,):
        low, high = declared.low, declared.high
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        is_low = low is not None and number < low
        is_high = high is not None and number > high
        if number != number or is_low or is_high:  # noqa: PLR0124 - not a number
            raise UsageError(
                f"{name}: expected {range_of(low, high)}, got {number}",
                advice=declared.meaning + ".",
            )


def _nearest(declared: Declaration, value: str) -> str:
    """Ask whether another choice was meant, by what it or people call it."""
    named = {choice.casefold(): choice for choice in declared.choices}
    words = zip(declared.words, declared.choices, strict=False)
    named |= {word.casefold(): choice for word, choice in words}
    near = difflib.get_close_matches(value.casefold(), named, n=1)
    return f"Did you mean {named[near[0]]}? " if near else ""


def range_of(low: float | None, high: float | None) -> str:
    """Say between which ends a value may lie.

    >>> range_of(0, 0.5), range_of(100, 1e8), range_of(None, 3)
    ('0 to 0.5', '100 to 100,000,000', '3 or less')
    """
    if low is None:
        return f"{_plain(high)} or less"
    if high is None:
        return f"{_plain(low)} or more"
    return f"{_plain(low)} to {_plain(high)}"


def _plain(value: float | None) -> str:
    """A bound as a person writes it: 100,000,000 and not 1e+08."""
    return f"{value:,.0f}" if value and abs(value) >= _LARGE else f"{value:g}"
