"""Plots that people expect; needs matplotlib, `pip install cosignal[plots]`.

======================================= ================================================
one run                                 `plot_results`
curves with bands                       `curves`
a figure over one parameter             `response`, `change`, `overview`
a figure over two                       `heat_map`
averted against spent                   `pareto`
which parameter matters                 `tornado`
a calibration                           `plot_fit`
======================================= ================================================

All give a figure to save, `figure.savefig("name.svg")` or another ending; notebooks
show it.
"""

from typing import TYPE_CHECKING, Any

# The first import, since it says which extra is missing.
from cosignal.simulator.plots import style  # isort: skip
from cosignal.protocol.errors import UsageError
from cosignal.simulator.plots.fits import plot_fit
from cosignal.simulator.plots.runs import plot_results, plot_series
from cosignal.simulator.plots.studies import (
    change,
    curves,
    heat_map,
    overview,
    pareto,
    response,
    tornado,
)

if TYPE_CHECKING:
    from cosignal.simulator.experiments.study import Study

__all__ = [
    "change",
    "curves",
    "heat_map",
    "overview",
    "pareto",
    "plot_fit",
    "plot_results",
    "plot_series",
    "plot_study",
    "response",
    "style",
    "tornado",
]

_KINDS = {
    "curves": curves,
    "response": response,
    "change": change,
    "overview": overview,
    "heat_map": heat_map,
    "pareto": pareto,
    "tornado": tornado,
}


def plot_study(study: "Study", *names: str, kind: str = "", **options: Any) -> Any:  # noqa: ANN401 - a figure
    """Draw a study in the way that fits it.

    Args:
        study: Finished runs.
        names: Parameters: one for an overview, two for a heat map; those of the study
            if none are given.
        kind: Of `curves`, `response`, `change`, `overview`, `heat_map`, `pareto`,
            `tornado`; chosen by the study if empty.
        **options: Of that plot, for example `vs="app.adoption=0"`.

    Returns:
        The figure.

    Raises:
        UsageError: There is no such kind, or it does not fit.
    """
    chosen = names or tuple(study.names)
    name = kind or _fitting(study, chosen)
    if name not in _KINDS:
        raise UsageError(f"kind: expected one of {', '.join(_KINDS)}, got {name!r}")
    if name == "overview":
        chosen = chosen[:1]
    given = chosen if name in ("overview", "heat_map", "response", "change") else ()
    return _KINDS[name](study, *given, **options)  # type: ignore[operator]


def _fitting(study: "Study", names: tuple[str, ...]) -> str:
    if not names:
        return "curves"
    if len(names) == 1:
        return "overview"
    if all(len(point) <= 1 for point in study.points):
        return "tornado"
    return "heat_map"
