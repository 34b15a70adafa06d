"""Read exposure parameters as people write them: a TOML file, and name=value.

What this module guarantees:

* A parameter that does not exist, or is out of range, is refused by its name, with what
  is allowed.
* What was not named keeps its value.

Hyphens and underscores are the same in names: records have the former, TOML files by
custom the latter.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cosignal.protocol.errors import CosignalError, UsageError
from cosignal.protocol.exposure.configuration import (
    ExposureConfiguration,
    parse_configuration,
)
from cosignal.server.commands.terminal import read_file

NAMES = tuple(field.name for field in fields(ExposureConfiguration))
_ADVICE = 'docs/reference/protocol.md, "Exposure configuration", lists every parameter.'
_SEPARATOR = re.compile(r"[ ,]+")


def read_parameters(
    start: ExposureConfiguration, file: Path | None, changes: Iterable[str]
) -> ExposureConfiguration:
    """Change some parameters.

    Args:
        start: What to begin with.
        file: A TOML file of names and numbers; None for none.
        changes: Each `name=value`, where a value is one number or several with commas;
            they come after the file.

    Returns:
        The changed parameters.

    Raises:
        UsageError: A name or a value is not allowed; the message says which.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= _named(_read_toml(file))
    values |= _named(_each_once(map(_split, changes)))
    try:
        changed = replace(start, **values)
        # Its text is what counts, and reading it gives the numbers their meaning.
        return parse_configuration(changed.text())
    except CosignalError as error:
        raise UsageError(
            f"parameters: {error}", advice=error.advice or _ADVICE
        ) from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_file(file, "--parameters").decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--parameters: expected a TOML file, got another ({error})",
            advice="Write lines such as `alert_day_score = 900`.",
        ) from error


def _split(change: str) -> tuple[str, list[int | str]]:
    name, sign, text = change.partition("=")
    if not sign:
        raise UsageError(
            f"--set: expected name=value, got {change!r}",
            advice="For example --set alert-day-score=900.",
        )
    words = _SEPARATOR.split(text.strip())
    return name, [int(word) if _is_number(word) else word for word in words]


def _each_once(
    changes: Iterable[tuple[str, list[int | str]]],
) -> dict[str, list[int | str]]:
    values: dict[str, list[int | str]] = {}
    named = set[str]()
    for name, numbers in changes:
        if _known(name) in named:
            raise UsageError(
                f"--set: {name}: expected each parameter once, got it again",
                advice="Name all values of a parameter at once, with commas.",
            )
        named.add(_known(name))
        values[name] = numbers
    return values


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,18}", word) is not None


def _named(values: Mapping[str, Any]) -> dict[str, int | tuple[int, ...]]:
    return {_known(name): _numbers(name, value) for name, value in values.items()}


def _known(name: str) -> str:
    spelled = name.strip().replace("-", "_")
    if spelled not in NAMES:
        near = get_close_matches(spelled, NAMES, n=1)
        raise UsageError(
            f"parameters: {name}: expected one of {', '.join(NAMES)}",
            advice=f"Did you mean {near[0]}?" if near else _ADVICE,
        )
    return spelled


def _numbers(name: str, value: object) -> int | tuple[int, ...]:
    numbers: list[int] = []
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, int) or isinstance(item, bool):
            raise UsageError(
                f"parameters: {name}: expected whole numbers, got {item!r}",
                advice="Weights are hundredths: 150 is one and a half.",
            )
        numbers.append(item)
    return numbers[0] if len(numbers) == 1 else tuple(numbers)
