"""`cosignal schemes` as people, scripts and the docs see it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cosignal.protocol.identifiers.candidates import CANDIDATES

COMMAND = Path(sys.executable).with_name("cosignal")
MEASURED = ("derive_us_per_day", "match_ms")


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "schemes", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_scheme_is_compared_and_only_times_differ_between_runs() -> None:
    first, second = (
        json.loads(run("--people", "4", "--days", "2", "--json").stdout)
        for _ in range(2)
    )

    assert (first["days"], first["people"], first["sightings"]) == (2, 4, 2_000)
    assert [item.name for item in CANDIDATES] == [
        item["name"] for item in first["schemes"]
    ]
    for found in (first, second):
        for item in found["schemes"]:
            for name in MEASURED:
                assert item.pop(name) > 0
    assert first == second


def test_the_table_shows_what_the_programs_get() -> None:
    shown = run("--people", "4", "--days", "2").stdout.splitlines()
    found = json.loads(run("--people", "4", "--days", "2", "--json").stdout)

    assert shown[0] == "4 infected, 2 days, 2000 sightings"
    rows = [line.split() for line in shown[3:]]
    assert [(row[0], row[1]) for row in rows] == [
        (item["name"], f"{item['bytes_per_day']:.1f}") for item in found["schemes"]
    ]
    assert "2 h 10 min" in shown[3]
    assert "no limit" in shown[-1]


def test_help_shows_an_example() -> None:
    shown = run("--help").stdout

    assert "Example: cosignal schemes --days 5 --people 50" in shown
    assert "--json" in shown


@pytest.mark.parametrize(
    "options",
    [("--people", "0"), ("--people", "201"), ("--days", "15"), ("extra",)],
)
def test_options_out_of_range_are_wrong_usage(options: tuple[str, ...]) -> None:
    done = run(*options)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
