"""Many runs: bands, responses, heat map, Pareto front, tornado."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.statistics import FEW, Estimate
from cosignal.simulator.experiments.study import label
from cosignal.simulator.plots import style
from cosignal.simulator.plots.labels import write_apart
from cosignal.simulator.results.figures import unit_of

if TYPE_CHECKING:
    from cosignal.simulator.experiments.study import Point, Study

#: Responses beside the curves, if nothing else is asked for.
_RESPONSES: Final = ("infections", "deaths", "quarantine_days")
#: From so many runs on, 95 % of them are others than all.
_MANY: Final = 20
#: More curves than that cannot be told apart.
_MOST_CURVES: Final = 8


def curves(study: "Study", series: str = "infections", axis: Axes | None = None) -> Any:  # noqa: ANN401 - figure, or the axes given
    """Draw a daily series of each point: median, and a band for 95 % of the runs.

    With fewer than 20 runs the band is from the least to the greatest; of one run there
    is the run.

    Days are means of a week, or weekends would hide everything else.

    Args:
        study: Whose runs.
        series: Name of a daily series.
        axis: To draw on; a figure of its own if None.
    """
    drawing, target = _target(axis, 6.5, 4.0)
    chosen = _spread_out(len(study.points))
    for place, colour in zip(chosen, style.ramp(len(chosen)), strict=True):
        rows = study.series(series, place)
        if not len(rows):
            continue
        days = np.arange(rows.shape[1])
        tail = 0.025 if len(rows) >= _MANY else 0.0
        band = (tail, 0.5, 1 - tail)
        low, middle, high = np.quantile(style.weekly(rows), band, axis=0)
        target.fill_between(days, low, high, color=colour, alpha=0.15, linewidth=0)
        target.plot(days, middle, color=colour, label=_short_label(study, place))
    if len(study.points) > 1:
        target.legend(fontsize=7, frameon=False, title=_title(study), title_fontsize=8)
    style.titled(
        target,
        f"{style.readable(series)} a day, mean of 7 days: {_band_words(study)}",
        "day",
        f"{style.readable(series)} a day",
    )
    target.set_ylim(bottom=0)
    style.counted(target)
    return drawing or target


def response(study: "Study", name: str, measure: str, axis: Axes | None = None) -> Any:  # noqa: ANN401 - figure, or the axes given
    """Draw how a figure depends on a parameter: means with 95 % intervals.

    Intervals are of each point by itself; see `change` for those of differences.
    """
    drawing, target = _target(axis, 4.5, 3.5)
    places = [i for i, point in enumerate(study.points) if name in point]
    if not places:
        raise UsageError(
            f"plot: expected a parameter of the study, got {name!r}",
            advice=f"It has {', '.join(study.names)}.",
        )
    values = [study.points[place][name] for place in places]
    found = [study.estimate(measure, place) for place in places]
    x = values if _are_numbers(values) else list(range(len(values)))
    _bars(target, x, found)
    if x is not values:
        target.set_xticks(list(x), [str(value) for value in values])
    target.set_ylim(bottom=0)
    style.counted(target)
    style.titled(
        target,
        f"{style.readable(measure)}: {_mean_words(study)}",
        style.with_unit(name),
        unit_of(measure),
    )
    return drawing or target


def change(
    study: "Study",
    name: str,
    measure: str,
    vs: "int | str | Point" = 0,
    axis: Axes | None = None,
) -> Any:  # noqa: ANN401 - figure, or the axes given
    """Draw the paired difference of a figure to another point, seed by seed.

    Args:
        study: Whose runs.
        name: Parameter on the x axis.
        measure: Which figure.
        vs: Point to compare with.
        axis: To draw on; a figure of its own if None.
    """
    drawing, target = _target(axis, 4.5, 3.5)
    base = study.find(vs)
    places = [p for p, point in enumerate(study.points) if name in point and p != base]
    values = [study.points[place][name] for place in places]
    x = values if _are_numbers(values) else list(range(len(values)))
    _bars(target, x, [study.difference(measure, place, base) for place in places])
    if x is not values:
        target.set_xticks(list(x), [str(value) for value in values])
    target.axhline(0, color=style.GREY, linewidth=0.8, linestyle="--")
    style.counted(target)
    style.titled(
        target,
        f"{style.readable(measure)} less {label(study.points[base])},\n"
        f"seed by seed: {_mean_words(study)}",
        style.with_unit(name),
        f"difference, {unit_of(measure)}",
    )
    return drawing or target


def overview(
    study: "Study",
    name: str,
    measures: Sequence[str] = _RESPONSES,
    vs: "int | str | Point" = 0,
) -> style.Drawing:
    """Curves of all points, responses of some figures, and one's paired difference."""
    columns = 2 if len(study.points) > 1 else 1
    drawing, axes = style.panels(
        -(-(len(measures) + columns) // 2), 2, width=5.0, height=3.4
    )
    curves(study, axis=axes[0])
    if columns > 1:
        change(study, name, measures[0], vs, axes[1])
    for measure, axis in zip(measures, axes[columns:], strict=False):
        response(study, name, measure, axis)
    for axis in axes[columns + len(measures) :]:
        axis.remove()
    return drawing


def heat_map(
    study: "Study",
    x: str,
    y: str,
    measure: str = "infections",
    vs: "int | str | Point | None" = None,
) -> style.Drawing:
    """Draw a figure over two parameters; with `vs`, its change in percent.

    Raises:
        UsageError: The study does not have each pair of values once.
    """
    columns = sorted({point[x] for point in study.points if x in point})
    rows = sorted({point[y] for point in study.points if y in point})
    cells = np.full((len(rows), len(columns)), np.nan)
    for place, point in enumerate(study.points):
        if x in point and y in point:
            mean = study.estimate(measure, place).mean
            if vs is not None:
                mean = 100 * (mean / study.estimate(measure, vs).mean - 1)
            cells[rows.index(point[y]), columns.index(point[x])] = mean
    if np.isnan(cells).all():
        raise UsageError(f"plot: expected points with {x} and {y}, got none")
    drawing, (axis,) = style.panels(
        1, 1, width=2.2 + 0.8 * len(columns), height=1.6 + 0.6 * len(rows)
    )
    image = axis.imshow(cells, cmap="viridis", aspect="auto", origin="lower")
    axis.set_xticks(range(len(columns)), [f"{value:g}" for value in columns])
    axis.set_yticks(range(len(rows)), [f"{value:g}" for value in rows])
    axis.grid(visible=False)
    _write_cells(axis, cells, "%" if vs is not None else "")
    beside = drawing.colorbar(image, ax=axis).ax
    beside.tick_params(labelsize=8)
    style.counted(beside)
    title = style.readable(measure)
    if vs is not None:
        base = label(study.points[study.find(vs)]).replace(" ", "\n")
        title = f"change of {title}, %, from\n{base}"
    title += f"\nmean of {_runs(study)}"
    style.titled(axis, title, style.with_unit(x), style.with_unit(y))
    return drawing


def pareto(
    study: "Study",
    vs: "int | str | Point" = 0,
    *,
    gained: str = "deaths",
    spent: str = "quarantine_days",
) -> style.Drawing:
    """Draw what is averted against what it costs; points on the front are joined.

    Args:
        study: With a point to compare with.
        vs: That point.
        gained: Figure that falls.
        spent: Figure that grows.
    """
    base = study.find(vs)
    drawing, (axis,) = style.panels(1, 1, width=6.0, height=4.2)
    places = [place for place in range(len(study.points)) if place != base]
    cost = [study.difference(spent, place, base) for place in places]
    gain = [study.difference(gained, base, place) for place in places]
    x = np.array([item.mean for item in cost])
    y = np.array([item.mean for item in gain])
    front = _front(x, y)
    axis.errorbar(
        x,
        y,
        xerr=[[i.mean - i.low for i in cost], [i.high - i.mean for i in cost]],
        yerr=[[i.mean - i.low for i in gain], [i.high - i.mean for i in gain]],
        fmt="o",
        color=style.GREY,
        ecolor="#d8d8d8",
        markersize=5,
    )
    if len(places) > 1:
        axis.plot(x[front], y[front], "o-", color=style.RED, label="front", zorder=3)
        axis.legend(fontsize=8, frameon=False, loc="upper left")
    axis.axhline(0, color=style.GREY, linewidth=0.6)
    axis.margins(0.12)
    style.counted(axis)
    style.counted(axis, "x")
    style.titled(
        axis,
        f"against {label(study.points[base])}; {_mean_words(study)}\n"
        f"labels: {', '.join(map(style.with_unit, study.names))}",
        f"{style.readable(spent)} added, {unit_of(spent)}",
        f"{style.readable(gained)} averted, {unit_of(gained)}",
    )
    write_apart(
        axis, [(_values_of(study, p), *at) for p, *at in zip(places, x, y, strict=True)]
    )
    return drawing


def tornado(study: "Study", measure: str = "infections") -> style.Drawing:
    """Draw how far each parameter moves a figure; the widest stands on top.

    Args:
        study: Of `sensitivity`: the base first, then low and high of each parameter.
        measure: Which figure.
    """
    bars = []
    for name in study.names:
        places = [i for i, point in enumerate(study.points) if list(point) == [name]]
        moves = [
            (study.points[i][name], study.difference(measure, i, 0)) for i in places
        ]
        bars.append((name, moves))
    if len(study.points[0]) or not bars:
        raise UsageError(
            "plot: expected a study whose first point is the base",
            advice="Make it with sensitivity(base, {name: (low, high)}).",
        )
    bars.sort(key=lambda bar: max(abs(move.mean) for _, move in bar[1]))
    drawing, (axis,) = style.panels(1, 1, width=7.0, height=1.2 + 0.5 * len(bars))
    for place, (_, moves) in enumerate(bars):
        for (value, move), colour, shift in zip(
            moves, (style.SKY, style.ORANGE), (-0.18, 0.18), strict=False
        ):
            level = place + shift
            axis.barh(level, move.mean, color=colour, height=0.36)
            axis.plot((move.low, move.high), (level, level), color="black", linewidth=1)
            right = move.mean >= 0
            axis.annotate(
                f"{value:g}" if isinstance(value, int | float) else str(value),
                (_end(move, right=right), level),
                xytext=(4 if right else -4, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=7,
            )
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(bars)), [style.with_unit(name) for name, _ in bars])
    axis.margins(x=0.12)
    axis.grid(visible=False)
    style.counted(axis, "x")
    mean = study.estimate(measure, 0).mean
    style.titled(
        axis,
        f"change of {style.readable(measure)} from {style.short(mean)}; "
        f"{_mean_words(study)}",
        f"difference to the base, {unit_of(measure)}",
    )
    return drawing


def _front(x: Any, y: Any) -> list[int]:  # noqa: ANN401 - arrays
    """Points that no other beats in both, by growing cost."""
    best, found = -np.inf, []
    for place in np.lexsort((-y, x)):
        if y[place] > best:
            best = y[place]
            found.append(int(place))
    return found


def _write_cells(axis: Axes, cells: Any, unit: str) -> None:  # noqa: ANN401 - array
    middle = (np.nanmin(cells) + np.nanmax(cells)) / 2
    for (row, column), value in np.ndenumerate(cells):
        text = style.short(value)
        if unit and not np.isnan(value):
            text = f"{round(value):+d} {unit}" if round(value) else f"0 {unit}"
        axis.annotate(
            text,
            (column, row),
            ha="center",
            va="center",
            fontsize=8,
            color="white" if value < middle else "black",
        )


def _bars(axis: Axes, x: Sequence[Any], found: Sequence[Estimate]) -> None:
    """Means, with intervals where there are any."""
    ends = np.array([[i.mean - i.low, i.high - i.mean] for i in found]).T
    axis.errorbar(
        x,
        [item.mean for item in found],
        yerr=ends if len(found) else None,
        color=style.BLUE,
        marker="o",
        markersize=4,
        capsize=3,
    )


def _end(move: Estimate, *, right: bool) -> float:
    """Where a bar ends, with its interval."""
    ends = [0.0, move.mean, *([move.low, move.high] if move.has_interval else [])]
    return max(ends) if right else min(ends)


def _runs(study: "Study") -> str:
    """How many runs points have; after Ctrl-C not all have as many."""
    places = [place for place, _ in study.outcomes]
    counts = {places.count(place) for place in range(len(study.points))}
    least, most = min(counts, default=0), max(counts, default=0)
    number = f"{most}" if least == most else f"{least} to {most}"
    return f"{number} {'run' if most == 1 else 'runs'}"


def _least(study: "Study") -> int:
    places = [place for place, _ in study.outcomes]
    return min(places.count(place) for place in range(len(study.points)))


def _mean_words(study: "Study") -> str:
    """What points and lines are."""
    interval = ", 95 % interval" if _least(study) >= FEW else ", no interval"
    return f"mean of {_runs(study)}{interval}"


def _band_words(study: "Study") -> str:
    """What curves and bands are."""
    least = _least(study)
    if least <= 1:
        return _runs(study)
    band = "95 %" if least >= _MANY else "range"
    return f"median and {band} of {_runs(study)}"


def _target(axis: Axes | None, width: float, height: float) -> tuple[Any, Axes]:
    if axis is not None:
        return None, axis
    drawing, (own,) = style.panels(1, 1, width=width, height=height)
    return drawing, own


def _spread_out(number: int) -> list[int]:
    if number <= _MOST_CURVES:
        return list(range(number))
    return sorted({round(i) for i in np.linspace(0, number - 1, _MOST_CURVES)})


def _short_label(study: "Study", place: int) -> str:
    point = study.points[place]
    if len(study.names) == 1 and point:
        return str(next(iter(point.values())))
    return (
        ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in point.items())
        or "base"
    )


def _values_of(study: "Study", place: int) -> str:
    """What a point changes, without names; `-` for what it leaves as it is."""
    point = study.points[place]
    if not point:
        return "base"
    values = (point.get(name, "-") for name in study.names)
    return ", ".join(f"{v:g}" if _are_numbers([v]) else str(v) for v in values)


def _title(study: "Study") -> str | None:
    return style.with_unit(study.names[0]) if len(study.names) == 1 else None


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
