"""One run on one page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.plots import style

if TYPE_CHECKING:
    from cosignal.simulator.results import Results

_WEEK: Final = 7
#: With fewer infections in a week a reproduction number is luck.
_FEW: Final = 20

Rows = Mapping[str, npt.NDArray[np.float64]]


def plot_series(series: Rows, reproduction: npt.NDArray[np.float64]) -> style.Drawing:
    """Draw a run: infections by layer, R, hospital, quarantine, tests, alerts.

    Args:
        series: Shape (days,) each, by name.
        reproduction: Shape (days,). Reproduction number, NaN where unknown.

    Returns:
        A figure of two rows and three columns.
    """
    drawing, axes = style.panels(2, 3)
    infections_by_layer(axes[0], series)
    reproduction_number(axes[1], enough_infections(series, reproduction))
    hospital(axes[2], series)
    at_home(axes[3], series)
    tests(axes[4], series)
    cascade(axes[5], series)
    return drawing


def infections_by_layer(axis: Axes, series: Rows) -> None:
    """Stacked new infections, by where they happened: means of a week.

    Days with a closure in force are shaded.
    """
    days = _days(series)
    rows = [style.weekly(_row(series, f"infections_{layer}")) for layer in LAYERS]
    axis.stackplot(
        days, rows, labels=LAYERS, colors=[style.LAYER_COLOURS[x] for x in LAYERS]
    )
    shade(axis, _row(series, "closures") > 0, "closure in force")
    # Room for the legend.
    axis.set_ylim(0, 1.45 * max(1.0, float(np.sum(rows, axis=0).max(initial=0))))
    style.titled(axis, "Infections by layer, mean of 7 days", "day", "infections a day")
    style.counted(axis)
    axis.legend(fontsize=7, frameon=False, ncols=2, loc="upper right")


def shade(axis: Axes, inside: npt.NDArray[np.bool_], label: str) -> None:
    """Shade runs of days behind what is drawn.

    Args:
        axis: To draw on.
        inside: Shape (days,).
        label: Of all of them, in the legend.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    for number, (first, end) in enumerate(edges.reshape(-1, 2).tolist()):
        axis.axvspan(
            first - 0.5,
            end - 0.5,
            color=style.GREY,
            alpha=0.18,
            linewidth=0,
            zorder=0,
            label=label if number == 0 else None,
        )


def enough_infections(
    series: Rows, reproduction: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Leave out days whose window has hardly any infections: there luck decides."""
    week = np.convolve(_row(series, "infections"), np.ones(_WEEK))
    masked = np.array(reproduction, np.float64)
    masked[week[: len(masked)] < _FEW] = np.nan
    return masked


def reproduction_number(axis: Axes, values: npt.NDArray[np.float64]) -> None:
    """How many people one infects, day by day."""
    axis.axhline(1, color=style.GREY, linewidth=0.8, linestyle="--")
    axis.plot(np.arange(len(values)), values, color=style.BLUE)
    known = values[np.isfinite(values)]
    top = float(np.quantile(known, 0.98)) if len(known) else 1.0
    axis.set_ylim(0, max(1.5, 1.15 * top))
    axis.set_xlim(*_across(len(values)))
    style.titled(
        axis,
        f"Reproduction number, where {_FEW} or more in 7 days",
        "day",
        "infected by one person",
    )


def hospital(axis: Axes, series: Rows) -> None:
    """People in hospital and intensive care; deaths so far on an axis of their own."""
    days = _days(series)
    axis.plot(days, _row(series, "hospital"), color=style.BLUE, label="in hospital")
    axis.plot(days, _row(series, "icu"), color=style.RED, label="in intensive care")
    axis.set_ylim(bottom=0)
    style.titled(axis, "Beds (left) and deaths (right)", "day", "people in beds")
    style.counted(axis)
    beside = axis.twinx()
    beside.plot(
        days,
        np.cumsum(_row(series, "deaths")),
        color="black",
        linestyle=":",
        label="deaths so far",
    )
    beside.set_ylim(bottom=0)
    beside.set_ylabel("deaths so far", fontsize=8)
    beside.tick_params(labelsize=8)
    beside.spines["top"].set_visible(False)
    style.counted(beside)
    lines = [*axis.get_lines(), *beside.get_lines()]
    axis.legend(
        lines, [str(line.get_label()) for line in lines], fontsize=7, frameon=False
    )


def at_home(axis: Axes, series: Rows) -> None:
    """People at home as contacts, infected or not, and with their own infection."""
    days = _days(series)
    quarantine = _row(series, "in_quarantine")
    infected = _row(series, "in_quarantine_infected")
    own = np.maximum(_row(series, "in_isolation") - quarantine, 0)
    axis.stackplot(
        days,
        [own, infected, np.maximum(quarantine - infected, 0)],
        labels=[
            "own infection or illness",
            "contact, infected",
            "contact, not infected",
        ],
        colors=[style.RED, style.ORANGE, style.SKY],
    )
    # Room for the legend.
    axis.set_ylim(0, 1.35 * max(1.0, float((own + quarantine).max(initial=0))))
    style.titled(axis, "At home", "day", "people")
    style.counted(axis)
    axis.legend(fontsize=7, frameon=False)


def tests(axis: Axes, series: Rows) -> None:
    """Positive results a day beside infections."""
    days = _days(series)
    axis.plot(days, _row(series, "infections"), color=style.GREY, label="infections")
    axis.plot(days, _row(series, "cases"), color=style.BLUE, label="positive tests")
    axis.set_ylim(bottom=0)
    style.titled(axis, "Infections and positive tests", "day", "a day")
    style.counted(axis)
    axis.legend(fontsize=7, frameon=False)


def cascade(axis: Axes, series: Rows) -> None:
    """From positive tests to people who stay at home because of an alert.

    "Alerts to infected" are those to people infected at the exposure or since.
    """
    alerts, wrong = _total(series, "alerts"), _total(series, "false_alerts")
    wrong += _total(series, "alerts_infected_before")
    steps = (
        ("positive tests", _total(series, "cases"), style.BLUE),
        ("uploads", _total(series, "uploads"), style.BLUE),
        ("alerts", alerts, style.ORANGE),
        ("alerts to infected", max(alerts - wrong, 0.0), style.RED),
        ("people alerted", _total(series, "alerted"), style.ORANGE),
        ("alerted, stay at home", _total(series, "alerts_acted"), style.GREEN),
    )
    places = np.arange(len(steps))[::-1]
    axis.barh(places, [step[1] for step in steps], color=[step[2] for step in steps])
    axis.set_yticks(places, [step[0] for step in steps])
    for place, (_, value, _) in zip(places, steps, strict=True):
        axis.annotate(
            style.short(value),
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axis.grid(visible=False)
    axis.set_xlim(0, 1.18 * max(1.0, *(step[1] for step in steps)))
    style.counted(axis, "x")
    style.titled(axis, "Alert cascade, whole run", "tests, alerts or people")


def _across(days: int) -> tuple[float, float]:
    """The same ends as other panels, though the first and last days are unknown."""
    return -0.05 * days, 1.05 * days


def _row(series: Rows, name: str) -> npt.NDArray[np.float64]:
    """A series; zeros for what never happened."""
    if name in series:
        return np.asarray(series[name], np.float64)
    return np.zeros(len(next(iter(series.values()))))


def _days(series: Rows) -> npt.NDArray[np.int64]:
    return np.arange(len(next(iter(series.values()))))


def _total(series: Rows, name: str) -> float:
    return float(_row(series, name).sum())


def plot_results(results: "Results") -> style.Drawing:
    """Draw a run's results; see `plot_series`."""
    series = {name: results.series(name) for name in results.by_age}
    return plot_series(series, results.r_t())
