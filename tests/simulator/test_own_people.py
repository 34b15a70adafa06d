"""A user's own people and networks: taken as they are, or refused by row."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from cosignal.protocol.errors import UsageError
from cosignal.simulator.contacts.days import day_contacts, stubs_per_contact
from cosignal.simulator.contacts.edges import edges
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.own import Population
from cosignal.simulator.population.people import (
    CARE,
    COMMUNITY,
    SCHOOL,
    WORK,
    mixing_bands,
)
from cosignal.simulator.population.tables import country
from tests.simulator.chances import is_near
from tests.simulator.sample_people import are_same, meetings

VILLAGE: dict[str, list[Any]] = {
    "person": ["ann", "ben", "cem", "dora", "eve", "finn"],
    "age": [34, 36, 7, 71, 9, 40],
    "household": ["h1", "h1", "h1", "h2", "h3", "h3"],
    "region": ["south", "south", "south", "north", "north", "north"],
    "place": ["office", "", "school", "", "school", "office"],
    "place_kind": ["work", "", "school", "", "school", "work"],
}
LINKS: dict[str, list[Any]] = {
    "person_a": ["ann", "dora", "finn"],
    "person_b": ["dora", "eve", "ann"],
    "layer": ["community", "community", "work"],
    "rate": [1.0, 0.5, 0.25],
}


def changed(table: dict[str, list[Any]], **columns: list[Any]) -> dict[str, list[Any]]:
    return {**table, **columns}


def town(agents: int = 4000) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    return {
        "person": np.arange(agents) + 10_000,
        "age": rng.integers(0, 95, agents),
        "household": rng.integers(0, agents // 2, agents),
    }


def write_csv(path: Path, table: dict[str, list[Any]]) -> Path:
    rows = zip(*table.values(), strict=True)
    lines = [",".join(table), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def refusal(table: Any, network: Any = None) -> str:  # noqa: ANN401 - any frame
    with pytest.raises(UsageError) as caught:
        Population.from_frame(table, network=network)
    assert caught.value.advice or "row" in str(caught.value)
    return str(caught.value)


def test_everybody_is_there_under_their_own_name() -> None:
    made = Population.from_frame(VILLAGE)
    people = made.people
    assert made.persons.tolist() == ["dora", "eve", "finn", "ann", "ben", "cem"]
    assert people.age.tolist() == [71, 9, 40, 34, 36, 7]
    assert people.household_start.tolist() == [0, 1, 3, 6]
    assert made.regions.tolist() == ["north", "south"]
    assert people.region_start.tolist() == [0, 3, 6]
    assert people.place_kind.tolist() == [WORK, SCHOOL]
    assert people.place.tolist() == [-1, 1, 0, 0, -1, 1]
    assert people.place_members.tolist() == [2, 3, 1, 5]


def test_csv_parquet_frame_and_arrow_give_the_same_people(tmp_path: Path) -> None:
    csv_file = write_csv(tmp_path / "people.csv", VILLAGE)
    links = write_csv(tmp_path / "links.csv", LINKS)
    parquet_file = tmp_path / "people.parquet"
    parquet.write_table(pa.table(VILLAGE), parquet_file)
    made = [
        Population.from_frame(VILLAGE, network=LINKS),
        Population.from_frame(pd.DataFrame(VILLAGE), network=pd.DataFrame(LINKS)),
        Population.from_frame(pa.table(VILLAGE), network=pa.table(LINKS)),
        Population.from_csv(csv_file, network=links),
        Population.from_parquet(parquet_file, network=links),
    ]
    for other in made[1:]:
        assert other.persons.tolist() == made[0].persons.tolist()
        assert are_same(made[0].people, other.people)


def test_what_is_left_out_is_made() -> None:
    people = Population.from_frame(town()).people
    assert {SCHOOL, WORK} == set(people.place_kind.tolist())
    assert len(people.stubs) > 4 * len(people.age)
    layers = edges(day_contacts(people, Parameters(), 0), people)[2]
    assert {0, SCHOOL, WORK, COMMUNITY} == set(layers.tolist())


def test_contacts_of_own_people_are_symmetric() -> None:
    parameters = Parameters().with_values({"population.region_size": 500})
    columns = town(1500)
    network = {
        "person_a": columns["person"][:700],
        "person_b": columns["person"][700:1400],
        "layer": ["work"] * 700,
        "rate": [0.5] * 700,
    }
    made = Population.from_frame(columns, network=network, parameters=parameters)
    found = meetings(day_contacts(made.people, parameters, 1), made.people)
    assert found == {(j, i, layer): times for (i, j, layer), times in found.items()}
    assert len(made.people.region_start) == 4


def test_a_network_takes_the_place_of_what_would_be_made() -> None:
    columns = town(1000)
    network = {
        "person_a": columns["person"][:-1],
        "person_b": columns["person"][1:],
        "layer": ["community", "school", "work"] * 333,
    }
    made = Population.from_frame(columns, network=network)
    people = made.people
    assert not len(people.stubs)
    assert set(people.place_kind.tolist()) <= {CARE}
    first, second, layer = edges(day_contacts(people, Parameters(), 0), people)
    assert (layer > 0).sum() == 999
    names = made.persons.astype(int)
    outside = layer > 0
    assert (abs(names[first[outside]] - names[second[outside]]) == 1).all()


def test_the_community_does_not_make_up_for_a_layer_that_is_given() -> None:
    columns = town(20_000)
    by_twenty = (columns["household"] // 20).astype(str)
    office = np.where(columns["age"] % 2 == 0, by_twenty, "")
    kind = np.where(office == "", "", "work")
    network = {
        "person_a": columns["person"][:1],
        "person_b": columns["person"][1:2],
        "layer": ["work"],
    }
    places = columns | {"place": office, "place_kind": kind}
    people = Population.from_frame(columns, network=network).people
    with_offices = Population.from_frame(places, network=network).people

    # Of the matrices at home, at school and elsewhere, what households and classes do
    # not make; and what an office makes is of the layer that is given.
    bands = mixing_bands(people.age)
    number = np.bincount(bands, minlength=8)
    contacts = country("FR").contacts
    rows = sum(contacts[name].sum(axis=1) for name in ("home", "school", "community"))
    sizes = np.diff(people.household_start)
    members = np.diff(people.place_start)[people.place_kind == SCHOOL]
    rates = people.place_rate[people.place_kind == SCHOOL]
    classes = (rates * members * (members - 1)).sum() * 5 / 7
    wanted = (rows * number).sum() - (sizes * (sizes - 1)).sum()
    per_contact = stubs_per_contact(Parameters().contacts)
    assert len(people.stubs) / per_contact == pytest.approx(wanted - classes, rel=0.05)
    assert len(with_offices.stubs) / per_contact == pytest.approx(wanted, rel=0.05)


def test_a_rate_is_how_often_two_meet() -> None:
    columns = {"person": [1, 2], "age": [30, 40], "household": [1, 2]}
    network = {"person_a": [1], "person_b": [2], "rate": [0.3]}
    people = Population.from_frame(columns, network=network).people
    parameters = Parameters()
    days = 5000
    met = np.array(
        [
            len(edges(day_contacts(people, parameters, day), people)[0])
            for day in range(days)
        ]
    )
    assert is_near(met.mean(), 0.3, (0.3 * 0.7 / days) ** 0.5)
    twice = (met[1:] & met[:-1]).mean()  # as often as if no day knew of the last
    assert is_near(twice, 0.09, (0.09 * 0.91 * 1.6 / days) ** 0.5)


def test_numbers_and_texts_name_the_same_people() -> None:
    columns = {"person": [7, 8], "age": [30, 40], "household": ["a", "b"]}
    network = {"person_a": ["7"], "person_b": ["8"]}
    made = Population.from_frame(columns, network=network)
    assert len(made.people.network_others) == 2


def test_names_are_not_taken_for_numbers(tmp_path: Path) -> None:
    table: dict[str, list[Any]] = {
        "person": ["07", "7"],
        "age": [30, 40],
        "household": ["a", "b"],
    }
    made = Population.from_csv(write_csv(tmp_path / "p.csv", table))
    assert made.persons.tolist() == ["07", "7"]


def test_a_gap_in_a_column_of_numbers_is_named() -> None:
    table = pd.DataFrame({"person": [1, 2], "age": [3, 4], "household": [1, None]})
    assert "row 2: expected 'household', got nothing" in refusal(table)
    table = table.astype({"household": "Int64"})
    assert "row 2: expected 'household', got nothing" in refusal(table)


def test_parquet_without_pyarrow_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="expected pyarrow") as caught:
        Population.from_parquet(tmp_path / "people.parquet")
    assert "cosignal[frames]" in caught.value.advice


def test_csv_needs_no_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    made = Population.from_csv(write_csv(tmp_path / "people.csv", VILLAGE))
    assert len(made.people.age) == 6


def test_a_line_of_a_file_is_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", changed(VILLAGE, age=[1, 2, "x", 4, 5, 6]))
    with pytest.raises(UsageError) as caught:
        Population.from_csv(path)
    assert str(caught.value) == (
        "p.csv, line 4: expected 'age' as a whole number from 0 to 120, got x"
    )


def test_a_line_with_too_few_values_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("person,age,household\n1,30,1\n2,30\n", "utf-8")
    with pytest.raises(UsageError, match=r"p.csv, line 3: expected 3 values, got 2"):
        Population.from_csv(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"none.csv: expected a file of people .*, got No such"
    ):
        Population.from_csv(tmp_path / "none.csv")


@pytest.mark.parametrize("column", ["person", "age", "household"])
def test_a_missing_column_is_named(column: str) -> None:
    table = {name: values for name, values in VILLAGE.items() if name != column}
    assert f"people: expected a column {column!r}, got " in refusal(table)


def test_a_place_needs_its_kind() -> None:
    table = {name: values for name, values in VILLAGE.items() if name != "place_kind"}
    assert "expected a column 'place_kind'" in refusal(table)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"age": [34, None, 7, 71, 9, 40]}, "row 2: expected 'age'"),
        ({"age": [34, 36, -1, 71, 9, 40]}, "row 3: expected 'age'"),
        ({"age": [34, 36, 7, 7.5, 9, 40]}, "row 4: expected 'age'"),
        ({"age": [34, 36, 7, 71, 9, 121]}, "row 6: expected 'age'"),
        ({"person": ["ann", "", "c", "d", "e", "f"]}, "row 2: expected 'person'"),
        ({"person": ["a", "b", "c", "a", "e", "f"]}, "row 4: expected each 'person'"),
        ({"household": ["1", "1", "1", None, "3", "3"]}, "row 4: expected 'household'"),
        ({"region": ["s", "s", "n", "n", "n", "n"]}, "row 3: expected a household"),
        ({"region": ["s", "s", "s", "", "n", "n"]}, "row 4: expected 'region'"),
        ({"place_kind": ["work", "", "gym", "", "gym", "work"]}, "row 3: expected"),
        ({"place_kind": ["work", "", "school", "", "work", "work"]}, "row 5: expected"),
    ],
)
def test_what_is_wrong_with_people_is_named_by_row(
    columns: dict[str, list[Any]], expected: str
) -> None:
    assert expected in refusal(changed(VILLAGE, **columns))
    assert expected in refusal(pd.DataFrame(changed(VILLAGE, **columns)))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"person_a": ["ann", "dora", "zoe"]}, "row 3: expected 'person_a'"),
        ({"person_b": ["dora", "", "ann"]}, "row 2: expected 'person_b'"),
        ({"person_b": ["ann", "eve", "ben"]}, "row 1: expected two different people"),
        ({"layer": ["community", "household", "work"]}, "row 2: expected 'layer'"),
        ({"rate": [1.0, 1.5, 0.5]}, "row 2: expected 'rate'"),
        ({"rate": [1.0, 0.5, float("nan")]}, "row 3: expected 'rate'"),
        (
            {
                "person_a": ["ann", "dora", "dora"],
                "layer": ["community", "community", "community"],
            },
            "row 3: expected each pair once",
        ),
    ],
)
def test_what_is_wrong_with_a_network_is_named_by_row(
    columns: dict[str, list[Any]], expected: str
) -> None:
    assert f"network, {expected}" in refusal(VILLAGE, changed(LINKS, **columns))


def test_something_that_is_no_table_is_refused() -> None:
    with pytest.raises(UsageError, match=r"people: expected a data frame.*got int"):
        Population.from_frame(7)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(UsageError, match="expected columns of one length"):
        Population.from_frame(changed(VILLAGE, age=[1, 2]))


def test_no_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="expected a row at least"):
        Population.from_frame({"person": [], "age": [], "household": []})


def test_nobody_can_write_into_people_however_they_were_made() -> None:
    alone = Population.from_frame(VILLAGE).people
    linked = Population.from_frame(VILLAGE, network=LINKS).people

    for array in (*alone, *linked):
        assert not array.flags.writeable
