"""Scenarios: a TOML file, or `name=value` on a command line, becomes parameters.

What this module guarantees:

* Tables are the groups of parameters: `[app] adoption = 0.45` is `app.adoption`.
* An unknown name and a value out of range are refused by name, with the allowed range;
  a file is refused whole.
* `write_scenario` writes what `read_scenario` reads: the same parameters again.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.paths import found_from
from cosignal.simulator.parameters.tree import Parameters


def read_scenario(path: str | Path) -> Parameters:
    """Read a scenario's file.

    Args:
        path: A TOML file; what it leaves out keeps its default.

    Returns:
        All parameters; paths of own people are taken from the file's folder.

    Raises:
        UsageError: The file cannot be read, is no TOML, or holds what no run could use.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: expected a readable scenario, got {error.strerror}",
            advice="Name a TOML file; one with `days = 180` is a whole scenario.",
        ) from error
    return found_from(parameters_of(data, str(path)), Path(path).parent)


def parameters_of(data: bytes, place: str = "scenario") -> Parameters:
    """Make parameters of a scenario's text.

    Args:
        data: TOML, UTF-8.
        place: What to call it in messages.

    Raises:
        UsageError: It is no TOML, or holds what no run could use.
    """
    try:
        tables = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"{place}: expected TOML, got {error}",
            advice='Texts stand in quotes, lists in brackets: place = "FR".',
        ) from error
    try:
        return Parameters().with_values(_flat(tables))
    except UsageError as error:
        raise UsageError(f"{place}: {error}", advice=error.advice) from error


def parse_settings(settings: Iterable[str]) -> dict[str, Any]:
    """Read `name=value` as a person types it.

    Args:
        settings: Each a dotted name, `=`, and a value as in TOML; quotes may be left
            out of texts.

    Returns:
        Values by name, for `Parameters.with_values`.

    Raises:
        UsageError: A setting has no `=`, no name, or stands twice.

    >>> parse_settings(["app.adoption=0.45", "population.place=UK"])
    {'app.adoption': 0.45, 'population.place': 'UK'}
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not name or not text:
            raise UsageError(
                f"--set: expected NAME=VALUE, got {setting!r}",
                advice="For example --set app.adoption=0.45",
            )
        if name in found:
            raise UsageError(f"--set: expected {name} once, got it twice")
        found[name] = parse_value(text)
    return found


def parse_value(text: str) -> Any:  # noqa: ANN401 - whatever a person types
    """Read one value as in TOML; what is none is a text.

    >>> parse_value("[0, .5]"), parse_value("true"), parse_value("FR")
    ([0, 0.5], True, 'FR')
    """
    try:
        # People leave out the zero, and TOML does not.
        full = re.sub(r"(?<![\w.])\.(?=\d)", "0.", text)
        values = tomllib.loads(f"value = {full}")
    except tomllib.TOMLDecodeError:
        return text
    return values["value"] if list(values) == ["value"] else text


def write_scenario(parameters: Parameters) -> str:
    """Write a scenario: what differs from the defaults, as TOML.

    Args:
        parameters: All of them.

    Returns:
        The file's text.
    """
    default = Parameters().as_values()
    plain: list[str] = []
    tables: dict[str, list[str]] = {}
    lists: list[str] = []
    for name, value in parameters.as_values().items():
        if value == default[name] or value is None:
            continue
        group, _, key = name.rpartition(".")
        if name in ("variants", "closures"):
            lists += [_table(f"[[{name}]]", item) for item in value]
        elif group:
            tables.setdefault(group, []).append(f"{key} = {_toml(value)}")
        else:
            plain.append(f"{name} = {_toml(value)}")
    blocks = ["\n".join(plain)] if plain else []
    blocks += ["\n".join([f"[{group}]", *rows]) for group, rows in tables.items()]
    return "\n\n".join([*blocks, *lists]) + "\n"


def changes(parameters: Parameters) -> dict[str, Any]:
    """What differs from the defaults, by dotted name."""
    default = Parameters().as_values()
    return {
        name: value
        for name, value in parameters.as_values().items()
        if value != default[name]
    }


def _flat(tables: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, dict):
            found |= {f"{name}.{key}": inner for key, inner in _flat(value).items()}
        else:
            found[name] = value
    return found


def _table(head: str, item: Mapping[str, Any]) -> str:
    rows = [f"{key} = {_toml(value)}" for key, value in item.items()]
    return "\n".join([head, *rows])


def _toml(value: Any) -> str:  # noqa: ANN401 - any value of a parameter
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    # Numbers, texts and truth values are the same in JSON and in TOML.
    # JSON's strings are TOML's, but for the one control character that JSON lets pass.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
