"""A page about a result that needs nothing else: figures, plots, parameters.

What this module guarantees:

* The page says that it was not verified, how to do so, and that one run has no
  interval; figures that contradict the daily counts beside them are refused.
* The page has its plots inside, loads nothing, and runs no script; it can be sent by
  mail and opened in ten years.
"""

import base64
import html
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from cosignal.simulator.parameters.population import PLACE_NAMES
from cosignal.simulator.plots import plot_series
from cosignal.simulator.results.figures import worth_showing, written
from cosignal.simulator.saved import Saved
from cosignal.simulator.scenarios import changes, write_scenario
from cosignal.simulator.verification import require_consistent

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

_ONE_RUN: Final = (
    "One run: one possible course. Its figures have no interval; many runs, "
    "<code>cosignal-sim sweep --replicates 20</code>, say how much is luck."
)
#: Figures that everybody asks for first: name in the summary, and in words.
_HEADLINES: Final = (
    ("attack_rate", "People infected, at least once"),
    ("infections", "Infections"),
    ("reinfections", "Infections of people infected before"),
    ("peak_infections", "Most new infections on a day"),
    ("peak_day", "Day of that, counted from 0"),
    ("hospital_peak", "Most people in hospital"),
    ("deaths", "Deaths"),
    ("vaccinated", "Vaccinations"),
    ("closure_days", "Days with a closure in force"),
    ("r", "Infected by an early case"),
    ("growth_rate", "Growth at the start"),
    ("alerts", "Alerts"),
    ("ppv", "Alerts to people infected at the exposure or since"),
    ("quarantine_days", "Quarantine"),
)
_VARIANT: Final = "infections_variant_"


def write_report(
    saved: Saved, path: str | Path, *, title: str = "", place: str = "result"
) -> None:
    """Write the page.

    Args:
        saved: A result.
        path: Of the HTML file.
        title: Of the page; what was run, if empty.
        place: What to call the result in messages.

    Raises:
        UsageError: matplotlib is not installed.
        VerificationError: The result's figures contradict its daily counts.
    """
    require_consistent(saved, place)
    Path(path).write_text(page(saved, title or title_of(saved)), "utf-8")


def title_of(saved: Saved) -> str:
    """What was run: people, and what is done."""
    parameters = saved.parameters
    named = parameters.population
    where = PLACE_NAMES[named.place]
    if named.people or "population" in saved.own:
        where = f"Own people{f' of {Path(named.people).name}' if named.people else ''}"
    adoption = parameters.app.adoption
    done = [f"app of {100 * adoption:.3g} %" if adoption else "without an app"]
    more = len(parameters.variants)
    done += [f"{more} more variant{'s' if more > 1 else ''}"] if more else []
    done += ["closures"] if parameters.closures else []
    done += ["vaccination"] if parameters.vaccination.per_day else []
    return f"{where}, {saved.agents:,} people: {', '.join(done)}"


def drawing_of(saved: Saved) -> "Figure":
    """The page's plots, to be saved in any format that matplotlib writes."""
    series = {name: np.asarray(row, np.float64) for name, row in saved.series.items()}
    return plot_series(series, np.asarray(saved.r_t, np.float64))


def page(saved: Saved, title: str) -> str:
    """The page's HTML."""
    about = (
        f"{len(saved.r_t)} days, seed {saved.parameters.seed}; Cosignal {saved.version}"
    )
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{html.escape(title)}</h1>",
            f'<p class="about">{html.escape(about)}</p>',
            f"<p>{_ONE_RUN}</p>",
            f"<p><strong>Not verified.</strong> {_check(saved)}</p>",
            "<h2>Headlines</h2>",
            _table(_headlines(saved)),
            "<h2>Day by day</h2>",
            _image(drawing_of(saved)),
            "<h2>Scenario</h2>",
            "<p>What differs from the defaults; everything else is a default.</p>",
            f"<pre>{html.escape(_scenario(saved))}</pre>",
            "<h2>All figures</h2>",
            _table(
                (name, written(name, x))
                for name, x in worth_showing(saved.summary).items()
            ),
            "</body></html>",
            "",
        ]
    )


def _headlines(saved: Saved) -> Iterable[tuple[str, str]]:
    shown = worth_showing(saved.summary)
    for name, words in _HEADLINES:
        if name in shown:
            yield words, written(name, shown[name])
        if name == "infections":
            for other, value in shown.items():
                if other.startswith(_VARIANT):
                    variant = other.removeprefix(_VARIANT)
                    yield f"  of the variant {variant}", written(other, value)


def _scenario(saved: Saved) -> str:
    return write_scenario(saved.parameters) if changes(saved.parameters) else "# none"


def _check(saved: Saved) -> str:
    """How a reader finds out whether the page is true."""
    same = (
        "These are the figures of the result's file; totals and peaks are those of its "
        "own daily counts, no more was looked at. "
    )
    digest = f"Its digest is <code>{html.escape(saved.digest)}</code>."
    if saved.own:
        named = html.escape(", ".join(saved.own))
        return f"{same}The run had {named}, which no file holds. {digest}"
    return (
        f"{same}To verify it, <code>cosignal-sim verify RESULT</code> with the file "
        f"of the result runs it again and compares every number. {digest}"
    )


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
