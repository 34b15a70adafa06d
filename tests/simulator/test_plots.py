import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.jobs import Outcome, setting_of
from cosignal.simulator.experiments.study import Study, grid
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.series import SERIES

pytest.importorskip("matplotlib")

from cosignal.simulator import plots
from cosignal.simulator.plots.runs import enough_infections
from cosignal.simulator.plots.studies import _front

DAYS = 30


def study(points: list[dict[str, Any]], runs: int = 4) -> Study:
    """A study whose figures follow from its points."""
    outcomes = {}
    for place in range(len(points)):
        for replicate in range(runs):
            value = 100.0 + 10 * place + replicate
            figures = {
                "infections": 2_000 - value,
                "deaths": 200 - value,
                "quarantine_days": 50 * value,
            }
            series = {name: np.linspace(0, value, DAYS) for name in SERIES}
            outcomes[place, replicate] = Outcome(figures, series)
    return Study(setting_of(Parameters(days=DAYS)), points, runs, outcomes)


ADOPTION = study(grid({"app.adoption": [0.0, 0.3, 0.6]}))
PAIRS = study(grid({"app.adoption": [0.0, 0.5], "testing.result_delay": [1.0, 3.0]}))
SINGLE = study([{}, {"app.adoption": 0.1}, {"app.adoption": 0.9}, {"days": 9}])


def words(figure: plots.style.Drawing) -> str:
    """All that a reader can read of a figure."""
    found = []
    for axis in figure.axes:
        found += [axis.get_title("left"), axis.get_xlabel(), axis.get_ylabel()]
        found += [text.get_text() for text in axis.texts]
        found += [label.get_text() for label in axis.get_yticklabels()]
        legend = axis.get_legend()
        found += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(found)


def test_a_run_is_drawn_on_one_page() -> None:
    series = {name: np.full(DAYS, 10.0) for name in ("infections", "alerts", "cases")}

    figure = plots.plot_series(series, np.full(DAYS, 1.2))

    assert len(figure.axes) == 7  # deaths have an axis of their own
    assert "Alert cascade" in words(figure)
    assert "\n300\n" in words(figure)


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (ADOPTION.plot, ("infections a day", "quarantine days", "0.3")),
        (PAIRS.plot, ("app adoption", "testing result delay", "1.9k")),
        (SINGLE.plot, ("change of infections", "0.1", "0.9", "days")),
        (lambda: study([{}]).plot(), ("infections a day",)),
        (
            lambda: ADOPTION.plot(kind="pareto", vs="app.adoption=0"),
            ("deaths averted", "quarantine days added", "against app.adoption=0.0"),
        ),
        (
            lambda: PAIRS.plot(kind="heat_map", vs=0, measure="deaths"),
            ("change of deaths, %", "\n0 %", "result delay (days)", "mean of 4 runs"),
        ),
    ],
)
def test_a_study_is_drawn_in_the_way_that_fits_it(
    made: Callable[[], Any], shown: tuple[str, ...]
) -> None:
    figure = made()

    found = words(figure)
    assert [text for text in shown if text in found] == list(shown)


def test_labels_of_points_close_together_cover_neither_each_other_nor_the_edge() -> (
    None
):
    values = [0.1 * number for number in range(8)]
    crowded = study(grid({"app.adoption": values, "app.consent": [0.5, 0.6]}))

    figure = crowded.plot(kind="pareto")

    figure.savefig(io.BytesIO())
    (axis,) = figure.axes
    boxes = [text.get_window_extent() for text in axis.texts]
    assert len(boxes) == 15
    assert not [
        (one, other)
        for number, one in enumerate(boxes)
        for other in boxes[:number]
        if one.overlaps(other)
    ]
    for text in (*axis.texts, axis.title, axis._left_title):
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1


def test_a_notebook_shows_a_figure_by_itself() -> None:
    figure = study([{}]).plot()

    assert figure._repr_png_().startswith(b"\x89PNG")


def test_the_front_has_what_nothing_beats() -> None:
    spent = np.array([1.0, 2.0, 3.0, 4.0, 0.5])
    gained = np.array([5.0, 4.0, 9.0, 9.0, 1.0])

    assert _front(spent, gained) == [4, 0, 2]


def test_days_with_a_closure_are_shaded_and_said() -> None:
    series = {name: np.full(DAYS, 10.0) for name in ("infections", "closures")}
    series["closures"][[*range(5), *range(10, 20)]] = 0

    with_them = plots.plot_series(series, np.full(DAYS, 1.2))
    without = plots.plot_series({"infections": np.ones(DAYS)}, np.full(DAYS, 1.2))

    assert "closure in force" in words(with_them)
    bands = [patch.get_extents() for patch in with_them.axes[0].patches]
    assert len(bands) == 2
    assert "closure in force" not in words(without)
    assert len(without.axes[0].patches) == 0


def test_a_reproduction_number_of_hardly_any_infections_is_left_out() -> None:
    infections = np.array([19.0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0])

    found = enough_infections({"infections": infections}, np.ones(15))

    assert np.flatnonzero(np.isfinite(found)).tolist() == [*range(7, 14)]


@pytest.mark.parametrize(
    ("runs", "mean", "band"),
    [
        (1, "mean of 1 run, no interval", "mean of 7 days: 1 run\n"),
        (3, "mean of 3 runs, no interval", "median and range of 3 runs"),
        (4, "mean of 4 runs, 95 % interval", "median and range of 4 runs"),
        (20, "mean of 20 runs, 95 % interval", "median and 95 % of 20 runs"),
    ],
)
def test_every_plot_says_of_how_many_runs_it_is(
    runs: int, mean: str, band: str
) -> None:
    points = grid({"app.adoption": [0.0, 0.5]})

    found = words(study(points, runs).plot())
    others = [words(study(points, runs).plot(kind="pareto"))]
    others += [words(study([{}, *points], runs).plot(kind="tornado"))]

    assert band in found
    assert found.count(mean) == 4
    assert [text.count(mean) for text in others] == [1, 1]
    assert "difference to the base, infections" in others[1]
    assert "infections less app.adoption=0.0" in found


def test_one_point_is_no_front() -> None:
    two = study(grid({"app.adoption": [0.0, 0.5]}))

    assert "front" not in words(two.plot(kind="pareto"))
    assert "front" in words(ADOPTION.plot(kind="pareto"))


def test_a_week_s_mean_loses_nobody_in_the_middle() -> None:
    rows = np.zeros((1, 21))
    rows[0, 10] = 7.0

    found = plots.style.weekly(rows)

    assert found[0, 7:14].tolist() == [1.0] * 7
    assert found.sum() == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pie"}, "kind: expected one of curves"),
        ({"kind": "tornado"}, "plot: expected a study whose first point is the base"),
    ],
)
def test_a_plot_that_does_not_fit_is_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        ADOPTION.plot(**options)

    assert str(caught.value).startswith(message)


def test_a_parameter_that_the_study_does_not_vary_is_refused() -> None:
    with pytest.raises(UsageError, match=r"expected a parameter of the study"):
        ADOPTION.plot("app.consent", kind="response", measure="deaths")
