"""The pages about results and Python list exactly what the code has."""

import re
from dataclasses import fields

import pytest

import cosignal.simulator as cs
from cosignal.simulator.experiments.tables import Table
from cosignal.simulator.plots import _KINDS
from cosignal.simulator.results.infections import InfectionTable
from cosignal.simulator.saved import Saved
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"


def _rows(page: str, heading: str) -> list[str]:
    """Names of the rows below a heading, up to the next one."""
    text = (REFERENCE / page).read_text().split(f"\n## {heading}\n")[1]
    section = text.split("\n## ")[0]
    return re.findall(r"^\| `(\w+)", section, re.MULTILINE)


def _results() -> cs.Results:
    """Of a run in which everything is done that counts anything."""
    values = {
        "vaccination.per_day": 0.01,
        "tracing.capacity": 0.01,
        "app.adoption": 0.5,
        "closures": [{"layer": "work", "factor": 0.5}],
    }
    base = cs.Parameters().with_values(values)
    return cs.Sim(parameters=base, agents=500, days=3, disease__seeds=10).run()


@pytest.fixture(scope="module")
def results() -> cs.Results:
    return _results()


def test_every_figure_of_a_summary_is_documented(results: cs.Results) -> None:
    assert list(results.summary()) == _rows("simulator-results.md", "Summary")


def test_every_daily_count_is_documented(results: cs.Results) -> None:
    shown = _rows("simulator-results.md", "Daily counts")

    assert sorted(results.by_age) == sorted(shown)


def test_every_column_of_infections_is_documented() -> None:
    assert list(InfectionTable._fields) == _rows("simulator-results.md", "Infections")


def test_every_usual_name_is_documented() -> None:
    assert sorted(cs.__all__) == sorted(_rows("simulator-python.md", "Names"))


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        (cs.Study, "Study"),
        (Table, "Table"),
        (cs.Fit, "Fit"),
        (Saved, "Saved results"),
        (cs.Population, "Population"),
    ],
)
def test_everything_of_a_class_is_documented(kind: type, heading: str) -> None:
    assert _public(kind) == set(_rows("simulator-python.md", heading))


def test_everything_of_a_run_and_its_results_is_documented(results: cs.Results) -> None:
    for item, heading in ((cs.Sim("FR"), "Sim"), (results, "Results")):
        names = _public(type(item)) | {
            name for name in vars(item) if not name.startswith("_")
        }

        assert names == set(_rows("simulator-python.md", heading))


def test_everything_that_parameters_do_is_documented() -> None:
    does = _public(cs.Parameters) - {item.name for item in fields(cs.Parameters)}

    assert does == set(_rows("simulator-python.md", "Parameters"))


def test_every_kind_of_plot_is_documented() -> None:
    assert list(_KINDS) == _rows("simulator-python.md", "Plots")


def _public(kind: type) -> set[str]:
    """What a class says by itself, its fields included."""
    names = {*vars(kind), *getattr(kind, "__annotations__", {})}
    return {name for name in names if not name.startswith("_")}
