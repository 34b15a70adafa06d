"""All parameters together: one frozen tree, addressed by dotted names.

What this module guarantees:

* `Parameters` refuses, by dotted name, what is out of range or does not fit together.
* `with_values` refuses a name that does not exist, and names the nearest ones.
* `as_values` and `from_values` are inverse: a scenario file and a result hold plain
  numbers, texts and lists.
"""

import difflib
import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.app import AppParameters
from cosignal.simulator.parameters.behaviour import (
    LAYERS,
    Closure,
    IsolationParameters,
    TestingParameters,
    TracingParameters,
)
from cosignal.simulator.parameters.declaration import check, declarations, parameter
from cosignal.simulator.parameters.disease import (
    AGE_BANDS,
    DiseaseParameters,
    VaccinationParameters,
    Variant,
)
from cosignal.simulator.parameters.population import (
    ContactParameters,
    PopulationParameters,
)

#: Lists whose length is fixed.
_LENGTHS: Final = {
    "disease.susceptibility": AGE_BANDS,
    "disease.symptomatic": AGE_BANDS,
    "disease.severe": AGE_BANDS,
    "disease.critical": AGE_BANDS,
    "disease.fatal": AGE_BANDS,
    "vaccination.coverage": AGE_BANDS,
    "app.by_age": AGE_BANDS,
    "app.thresholds": 3,
    "app.weights": 4,
    "app.infectiousness_days": 4,
    "app.infectiousness_weights": 2,
    "tracing.recall": len(LAYERS),
}
#: What a value of a type is called, and how one is written.
_KINDS: Final = {
    int: ("a whole number", "180, without point or quotes"),
    float: ("a number", "0.45, without quotes"),
    str: ("a text", '"FR", in quotes'),
    bool: ("true or false", "true, without quotes"),
}
#: A variant's number is a byte, and the first variant has one too.
MAX_VARIANTS: Final = 254
_ASCENDING: Final = ("app.thresholds", "app.infectiousness_days")


@dataclass(frozen=True, slots=True)
class Parameters:
    """A whole scenario, but its own interventions."""

    days: int = parameter(
        180, "Length of the run", unit="days", low=1, high=10_000, source="user"
    )
    seed: int = parameter(
        1, "Decides every draw", unit="1", low=0, high=2**63 - 1, source="user"
    )
    start_weekday: int = parameter(
        0, "Weekday of day 0, 0 for Monday", unit="1", low=0, high=6, source="user"
    )
    population: PopulationParameters = field(default_factory=PopulationParameters)
    contacts: ContactParameters = field(default_factory=ContactParameters)
    disease: DiseaseParameters = field(default_factory=DiseaseParameters)
    variants: tuple[Variant, ...] = ()
    vaccination: VaccinationParameters = field(default_factory=VaccinationParameters)
    testing: TestingParameters = field(default_factory=TestingParameters)
    isolation: IsolationParameters = field(default_factory=IsolationParameters)
    tracing: TracingParameters = field(default_factory=TracingParameters)
    app: AppParameters = field(default_factory=AppParameters)
    closures: tuple[Closure, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no run could use."""
        for name, declared, value in _all(self):
            check(name, declared, value)
        values = {name: value for name, _, value in declarations(self)}
        for name, length in _LENGTHS.items():
            if len(values[name]) != length:
                raise UsageError(
                    f"{name}: expected {length} values, got {len(values[name])}",
                    advice=f"cosignal-sim parameters {name} says what they are.",
                )
        for name in _ASCENDING:
            if list(values[name]) != sorted(values[name]):
                raise UsageError(
                    f"{name}: expected ascending values, got {list(values[name])}",
                    advice="Write the lowest first.",
                )
        _check_severity(self.disease)
        _check_whole(self)

    def with_values(self, values: Mapping[str, Any]) -> "Parameters":
        """Change some parameters, all at once: what fits only together is taken.

        Args:
            values: By dotted name, for example `app.adoption`.

        Raises:
            UsageError: A name does not exist, or a value does not fit.
        """
        changed: Parameters = _changed(self, values, "")
        return changed

    def as_values(self) -> dict[str, Any]:
        """All parameters by dotted name; variants and closures as lists of tables."""
        found = {name: _plain(value) for name, _, value in declarations(self)}
        found["variants"] = [_table(item) for item in self.variants]
        found["closures"] = [_table(item) for item in self.closures]
        return found

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "Parameters":
        """Make parameters of what `as_values` gives; what is left out is a default."""
        return cls().with_values(values)


def _all(tree: Parameters) -> list[tuple[str, Any, Any]]:
    found = list(declarations(tree))
    for group in ("variants", "closures"):
        for index, item in enumerate(getattr(tree, group)):
            found += [
                (f"{group}.{index}.{name}", declared, value)
                for name, declared, value in declarations(item)
            ]
    return found


def _check_severity(disease: DiseaseParameters) -> None:
    rows = zip(
        disease.symptomatic,
        disease.severe,
        disease.critical,
        disease.fatal,
        strict=True,
    )
    for band, (symptomatic, severe, critical, fatal) in enumerate(rows):
        if not symptomatic >= severe >= critical >= fatal:
            raise UsageError(
                f"disease.severe: expected symptomatic >= severe >= critical >= fatal "
                f"in age band {band}, got {symptomatic}, {severe}, {critical}, {fatal}"
            )


def _check_whole(tree: Parameters) -> None:
    """Refuse what ends before it begins, networks of nobody, and too many variants."""
    for index, closure in enumerate(tree.closures):
        if closure.start > closure.stop:
            raise UsageError(
                f"closures.{index}.stop: expected day {closure.start} or later, "
                f"got {closure.stop}"
            )
    for first, after in tree.contacts.holidays:
        if first > after:
            raise UsageError(
                f"contacts.holidays: expected a first day and none before it, "
                f"got {first} and {after}"
            )
    if tree.population.networks and not tree.population.people:
        raise UsageError(
            f"population.networks: expected population.people beside it, got networks "
            f"{', '.join(tree.population.networks)} of nobody",
            advice="Name the file of the people whom the networks connect.",
        )
    if len(tree.variants) > MAX_VARIANTS:
        raise UsageError(
            f"variants: expected at most {MAX_VARIANTS}, got {len(tree.variants)}"
        )


def _changed(group: Any, values: Mapping[str, Any], above: str) -> Any:  # noqa: ANN401
    """A group with other values.

    Args:
        group: Parameters, or a group of them.
        values: By name within the group, dotted for what is in groups of it.
        above: What stands before these names in messages: nothing, or `app.`.
    """
    hints = get_type_hints(type(group))
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        head, dot, rest = name.partition(".")
        current = _current(group, head, above + name)
        if is_dataclass(current) != bool(dot):
            raise _no_parameter(current, above, name)
        if dot:
            inner.setdefault(head, {})[rest] = value
        else:
            own[head] = _fitted(hints[head], value, above + head)
    for head, parts in inner.items():
        own[head] = _changed(getattr(group, head), parts, f"{above}{head}.")
    return replace(group, **own)


def _current(group: Any, head: str, name: str) -> Any:  # noqa: ANN401 - any value
    known = [item.name for item in fields(group)]
    if head in known:
        return getattr(group, head)
    above = name[: len(name) - len(head)] if name.endswith(head) else ""
    raise UsageError(
        f"{name}: expected a parameter, got {head!r}",
        advice=_question(name, above, head, known),
    )


def _question(name: str, above: str, head: str, known: list[str]) -> str:
    """Ask for the nearest name of the group, or of any: `adoption` is in `app`.

    Args:
        name: As it was given, with the groups above.
        above: Groups above, with their points.
        head: What does not exist.
        known: Names in the group.
    """
    whole = [item for item, _, _ in declarations(Parameters())]
    last = name.rpartition(".")[2].casefold()
    meant = [item for item in whole if item.rpartition(".")[2].casefold() == last]
    lower = {item.casefold(): item for item in known}
    near = [lower[x] for x in difflib.get_close_matches(head.casefold(), lower)]
    meant = meant or [f"{above}{item}" for item in near]
    if not meant:
        return f"Known are {', '.join(known)}."
    return f"Did you mean {', '.join(meant)}?"


def _no_parameter(current: Any, above: str, name: str) -> UsageError:  # noqa: ANN401
    """Say why a name that begins like a parameter's is none."""
    head, _, rest = name.partition(".")
    if is_dataclass(current):
        known = ", ".join(item.name for item in fields(current))
        return UsageError(
            f"{above}{name}: expected the name of a parameter, got a group's",
            advice=f"In it are {known}; for example {head}.{fields(current)[0].name}.",
        )
    if isinstance(current, tuple):
        advice = f"Give {above}{head} whole, as a list"
        advice += (
            f"; in a file, [[{head}]] begins each of them." if _tables(head) else "."
        )
    else:
        advice = f"It is one value: {above}{head}."
    return UsageError(
        f"{above}{name}: expected a parameter, got {rest!r} of one", advice=advice
    )


def _tables(name: str) -> bool:
    return name in ("variants", "closures")


def _fitted(kind: Any, value: Any, name: str) -> Any:  # noqa: ANN401 - any type
    """Convert what a file or a person gave to a field's type."""
    if get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        kind = next(item for item in get_args(kind) if item is not type(None))
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            example = "[0.5, 1]" if not _tables(name) else "[{...}, {...}]"
            raise UsageError(
                f"{name}: expected a list, got {value!r}",
                advice=f"Lists stand in brackets: {name}={example}.",
            )
        inner = get_args(kind)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) != len(value):
            raise UsageError(f"{name}: expected {len(kinds)} values, got {len(value)}")
        return tuple(
            _fitted(one, item, f"{name}.{index}")
            for index, (one, item) in enumerate(zip(kinds, value, strict=True))
        )
    if is_dataclass(kind):
        return _made(kind, value, name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        words, example = _KINDS[kind]
        raise UsageError(
            f"{name}: expected {words}, got {value!r}", advice=f"Such as {example}."
        )
    return value


def _made(kind: Any, value: Any, name: str) -> Any:  # noqa: ANN401 - any dataclass
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise UsageError(
            f"{name}: expected a table, got {value!r}",
            advice=f"Such as {{{fields(kind)[0].name} = ...}}.",
        )
    return _changed(kind(), value, f"{name}.")


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a field
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _table(item: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    return {name: _plain(value) for name, _, value in declarations(item)}
