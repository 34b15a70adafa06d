from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.behaviour import Closure
from cosignal.simulator.parameters.disease import Variant
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.scenarios import (
    changes,
    parameters_of,
    parse_settings,
    parse_value,
    read_scenario,
    write_scenario,
)

SCENARIO = b"""
days = 90
[population]
place = "UK"
[app]
adoption = 0.45
by_age = [0, 0.5, 0.9, 0.9, 0.9, 0.8, 0.7, 0.5, 0.3]
[[closures]]
layer = "work"
factor = 0.3
start = 20
"""


def test_tables_are_groups_of_parameters() -> None:
    found = parameters_of(SCENARIO)

    assert (found.days, found.population.place, found.app.adoption) == (90, "UK", 0.45)
    assert (Closure(layer="work", factor=0.3, start=20),) == found.closures


def test_what_a_scenario_leaves_out_is_a_default() -> None:
    assert Parameters() == parameters_of(b"")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[app]\nadoption = 1.5", "s.toml: app.adoption: expected 0 to 1, got 1.5"),
        (b"[app]\nadoptoin = 0.5", "s.toml: app.adoptoin: expected a parameter"),
        (b"[ap]\nadoption = 0.5", "s.toml: ap.adoption: expected a parameter"),
        (b"days = -3", "s.toml: days: expected 1 to 10000, got -3"),
        (b"days = 'long'", "s.toml: days: expected a whole number, got 'long'"),
        (b"app = 3", "s.toml: app: expected the name of a parameter"),
        (b"[[closures]]\nlayer = 'moon'", "s.toml: closures.0.layer: expected one of"),
        (b"days = ", "s.toml: expected TOML"),
        (b"\xff\xfe", "s.toml: expected TOML"),
    ],
)
def test_what_no_run_could_use_is_refused_by_name(text: bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parameters_of(text, "s.toml")

    assert str(caught.value).startswith(message)


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        parameters_of(b"[app]\nadoptoin = 0.5")

    assert caught.value.advice == "Did you mean app.adoption?"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: expected a readable scenario"):
        read_scenario(tmp_path / "none.toml")


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "days": st.integers(1, 10_000),
        "seed": st.integers(0, 2**63 - 1),
        "population.place": st.sampled_from(["FR", "UK", "DE", "CH"]),
        "app.adoption": st.floats(0, 1),
        "app.second_order": st.booleans(),
        "disease.growth_rate": st.none() | st.floats(-1, 1),
        "app.by_age": st.lists(st.floats(0, 1), min_size=9, max_size=9),
        "contacts.holidays": st.lists(st.tuples(st.integers(0, 9), st.integers(9, 20))),
        "variants": st.lists(
            st.builds(Variant, name=st.text(max_size=5), seeds=st.integers(0, 50))
        ),
        "closures": st.lists(st.builds(Closure, factor=st.floats(0, 1))),
    },
)


@given(VALUES)
def test_what_is_written_is_read_again(values: dict[str, Any]) -> None:
    parameters = Parameters().with_values(values)

    again = parameters_of(write_scenario(parameters).encode())

    assert parameters == again


def test_only_changes_are_written() -> None:
    parameters = Parameters().with_values({"app.adoption": 0.3, "days": 90})

    assert write_scenario(parameters) == "days = 90\n\n[app]\nadoption = 0.3\n"
    assert changes(parameters) == {"days": 90, "app.adoption": 0.3}


@given(st.binary(max_size=60))
def test_any_file_is_a_scenario_or_wrong_usage(data: bytes) -> None:
    with suppress(UsageError):
        assert isinstance(parameters_of(data), Parameters)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.45", 0.45),
        ("3", 3),
        ("true", True),
        ("UK", "UK"),
        ('"UK"', "UK"),
        ("[1, 2]", [1, 2]),
        ('[{layer="work", factor=0.5}]', [{"layer": "work", "factor": 0.5}]),
        ("1\nx = 2", "1\nx = 2"),
    ],
)
def test_a_value_is_read_as_a_person_types_it(text: str, expected: object) -> None:
    assert expected == parse_value(text)


@pytest.mark.parametrize("setting", ["app.adoption", "=3", "days=", "", "="])
def test_a_setting_without_name_or_value_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="--set: expected NAME=VALUE"):
        parse_settings([setting])


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="expected days once"):
        parse_settings(["days=3", "days=4"])
