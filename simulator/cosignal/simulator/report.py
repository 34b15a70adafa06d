"""A page about a result that needs nothing else: figures, plots, parameters.

What this module guarantees:

* The page has its plots inside, loads nothing, and runs no script; it can be sent by
  mail and opened in ten years.
"""

import base64
import html
import io
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from cosignal.simulator.experiments.statistics import number
from cosignal.simulator.plots import plot_series
from cosignal.simulator.saved import Saved
from cosignal.simulator.scenarios import changes, write_scenario

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1c1c; max-width: 68rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
p.about { color: #555; margin-top: 0; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; }
td, th { text-align: left; padding: .25rem 1.2rem .25rem 0; vertical-align: top;
         border-bottom: 1px solid #e4e4e4; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: 13px; }
code { font-size: 13px; overflow-wrap: anywhere; }
"""

#: Figures that everybody asks for first: name in the summary, and in words.
_HEADLINES: Final = (
    ("attack_rate", "Share of people infected"),
    ("infections", "Infections"),
    ("peak_infections", "Most new infections on a day"),
    ("peak_day", "Day of that"),
    ("hospital_peak", "Most people in hospital"),
    ("deaths", "Deaths"),
    ("r", "Reproduction number of the first generations"),
    ("growth_rate", "Growth a day at the start"),
    ("alerts", "Alerts"),
    ("ppv", "Share of alerts to people infected at the exposure or since"),
    ("quarantine_days", "Days in quarantine, all people together"),
)

_SHARES: Final = frozenset({"attack_rate", "growth_rate", "ppv"})


def write_report(saved: Saved, path: str | Path, *, title: str) -> None:
    """Write the page.

    Args:
        saved: A result.
        path: Of the HTML file.
        title: Of the page.

    Raises:
        UsageError: matplotlib is not installed.
    """
    Path(path).write_text(page(saved, title), "utf-8")


def page(saved: Saved, title: str) -> str:
    """The page's HTML."""
    series = {name: np.asarray(row, np.float64) for name, row in saved.series.items()}
    drawing = plot_series(series, np.asarray(saved.r_t, np.float64))
    place = saved.parameters.population
    about = (
        f"{saved.agents:,} people, {place.place}, {saved.parameters.days} days, "
        f"seed {saved.parameters.seed}; Cosignal {saved.version}"
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{html.escape(title)}</h1>",
            f'<p class="about">{html.escape(about)}</p>',
            "<h2>Headlines</h2>",
            _table(_headlines(saved)),
            "<h2>Day by day</h2>",
            _image(drawing),
            "<h2>Scenario</h2>",
            "<p>What differs from the defaults; everything else is a default.</p>",
            f"<pre>{html.escape(_scenario(saved))}</pre>",
            "<h2>All figures</h2>",
            _table((name, number(value)) for name, value in saved.summary.items()),
            "<h2>To check it</h2>",
            f"<p>{_check(saved)}</p>",
            "<p>One run is one possible course; many runs say how much is luck.</p>",
            "</body></html>",
            "",
        ]
    )


def _headlines(saved: Saved) -> Iterable[tuple[str, str]]:
    for name, words in _HEADLINES:
        if name in saved.summary:
            share = name in _SHARES and math.isfinite(saved.summary[name])
            value = saved.summary[name]
            yield words, f"{100 * value:.3g} %" if share else number(value)


def _scenario(saved: Saved) -> str:
    return write_scenario(saved.parameters) if changes(saved.parameters) else "# none"


def _check(saved: Saved) -> str:
    digest = f"Its digest is <code>{html.escape(saved.digest)}</code>."
    if saved.own:
        named = html.escape(", ".join(saved.own))
        return f"The run had {named}, which no file holds. {digest}"
    return f"<code>cosignal-sim verify</code> runs the result's file again. {digest}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="number">{html.escape(value)}</td>'
        "</tr>"
        for name, value in rows
    )
    return f"<table>{body}</table>"


def _image(drawing: "Figure") -> str:
    data = io.BytesIO()
    drawing.savefig(data, format="png", dpi=130)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    words = "Six panels: infections, R, hospital, people at home, tests, alerts"
    return f'<img alt="{words}" src="data:image/png;base64,{text}">'
