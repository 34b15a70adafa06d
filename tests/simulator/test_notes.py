from pathlib import Path
from typing import Any

import pytest

from cosignal.simulator.notes import idle
from cosignal.simulator.parameters.tree import Parameters


def test_defaults_have_no_notes() -> None:
    assert idle(Parameters()) == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"variants": [{"name": "b", "day": 30}]},
            "variants.0.day: day 30 is after the last one, 29; variant 'b' never comes",
        ),
        (
            {"closures": [{"layer": "work", "start": 99}]},
            "closures.0.start: day 99 is after the last one, 29; work is never closed",
        ),
        (
            {"vaccination.per_day": 0.01, "vaccination.start": 30},
            "vaccination.start: day 30 is after the last one, 29; nobody is vaccinated",
        ),
        (
            {"app.adoption": 0.1, "app.start": 40},
            "app.start: day 40 is after the last one, 29; nobody has the app",
        ),
        (
            {"vaccination.start": 3},
            "vaccination: per_day is 0, so nobody is vaccinated",
        ),
    ],
)
def test_what_does_nothing_is_noted(values: dict[str, Any], words: str) -> None:
    assert idle(Parameters(days=30).with_values(values)) == [words]


def test_what_begins_on_the_last_day_is_not_noted() -> None:
    values = {"variants": [{"day": 29}], "closures": [{"start": 29}]}

    assert idle(Parameters(days=30).with_values(values)) == []


def test_more_adoption_than_phones_is_noted() -> None:
    half = {"app.by_age": [0.5] * 9}

    enough = Parameters().with_values({**half, "app.adoption": 0.5})
    (found,) = idle(Parameters().with_values({**half, "app.adoption": 0.51}))

    assert idle(enough) == []
    assert found.startswith("app.adoption: 0.51 is more than app.by_age says have a")
    assert "0.5 of all people" in found


def test_columns_that_nothing_reads_and_people_that_do_not_count_are_noted(
    tmp_path: Path,
) -> None:
    people, friends = tmp_path / "people.csv", tmp_path / "friends.csv"
    people.write_text("person,age,household,weight,Region\n1,2,3,4,5\n")
    friends.write_text("person_a,person_b,rate\n")
    values = {
        "population.people": str(people),
        "population.networks": [str(friends)],
        "population.agents": 500,
    }

    first, second = idle(Parameters().with_values(values))

    assert first.startswith("population.agents: not used, for the people are those")
    assert f"{people}: nothing reads 'weight', 'Region'; known are person" in second


def test_a_file_that_cannot_be_read_is_left_to_the_run(tmp_path: Path) -> None:
    values = {"population.people": str(tmp_path / "none.csv")}

    assert idle(Parameters().with_values(values)) == []
