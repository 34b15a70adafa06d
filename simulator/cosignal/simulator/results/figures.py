"""The figures of a run that people ask for, by name.

What this module guarantees:

* What follows from daily counts alone is computed from them alone, so that a figure
  that was changed in a file is found without a run.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.disease.tables import infectiousness
from cosignal.simulator.parameters.behaviour import LAYERS
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.results import attribution, reproduction
from cosignal.simulator.results.beginning import cohort_window, growth_window
from cosignal.simulator.results.infections import InfectionTable
from cosignal.simulator.results.reproduction import growth_rate
from cosignal.simulator.results.trees import Tree, first_reproduction
from cosignal.simulator.words import number

if TYPE_CHECKING:
    from cosignal.simulator.results.outcome import Results

Series = Mapping[str, npt.NDArray[np.float64]]

#: Every figure, and its unit: "share" is between 0 and 1.
UNITS: Final = {
    "infections": "infections",
    "attack_rate": "share",
    "reinfections": "infections",
    "peak_infections": "infections a day",
    "peak_day": "day",
    "imports": "infections",
    "imports_failed": "arrivals",
    "cases": "positive tests",
    "tests": "tests",
    "deaths": "people",
    "vaccinated": "doses",
    "closure_days": "days",
    "hospital_peak": "people",
    "icu_peak": "people",
    "isolation_days": "days of a person",
    "quarantine_days": "days of a person",
    "quarantine_days_uninfected": "days of a person",
    "r": "people infected by one",
    "growth_rate": "share a day",
    "generation_time": "days",
    **{f"share_{layer}": "share" for layer in LAYERS},
    "share_presymptomatic": "share",
    "share_symptomatic": "share",
    "share_asymptomatic": "share",
    "uploads": "people",
    "alerts": "alerts",
    "alerted": "people",
    "alerts_acted": "people",
    "false_alert_share": "share",
    "ppv": "share",
}
#: Figures that say nothing where they are 0.
_IF_ANY: Final = ("reinfections", "vaccinated", "closure_days", "imports_failed")


def figures(results: "Results") -> dict[str, float]:
    """Put them together; NaN where there is nothing to divide by.

    Args:
        results: Of a run.
    """
    series = {name: results.series(name) for name in results.by_age}
    series.setdefault("infections", results.series("infections"))
    parameters, people, rows = results.parameters, results.agents, results.infections
    found = of_series(series, parameters, people)
    found |= _of_infections(rows, results.tree(), parameters, people)
    found |= _by_variant(rows, parameters)
    order = [name for name in (*UNITS, *found) if name in found]
    return {name: found[name] for name in dict.fromkeys(order)}


def of_series(series: Series, parameters: Parameters, people: int) -> dict[str, float]:
    """Figures that follow from daily counts.

    Args:
        series: Shape (days,) each, by name; what is left out was not counted.
        parameters: Of the run.
        people: How many there are.
    """
    infections = series.get("infections", np.zeros(0))
    found = {
        "infections": float(infections.sum()),
        # Without day 0, on which people are infected by decree.
        "peak_infections": float(infections[1:].max(initial=0.0)),
        "peak_day": float(1 + np.argmax(infections[1:]))
        if len(infections) > 1
        else float("nan"),
        "growth_rate": growth_rate(infections, growth_window(parameters, people)),
        "closure_days": float((series.get("closures", np.zeros(0)) > 0).sum()),
    }
    totals = {name: _total(series, name) for name in _TOTALS}
    return found | totals | _burden(series) | _places(series) | _alerts(series)


def unit_of(name: str) -> str:
    """The unit of a figure; of a daily series, that of its sum."""
    if name.startswith("infections_variant_"):
        return "infections"
    return UNITS.get(name, "")


def written(name: str, value: float) -> str:
    """A figure with its unit; a share in percent.

    >>> from math import nan
    >>> written("attack_rate", 0.1234), written("deaths", 7.0), written("r", nan)
    ('12.3 %', '7 people', '-')
    """
    unit = unit_of(name)
    if not math.isfinite(value):
        return number(value)
    if unit.startswith("share"):
        return f"{100 * value:.3g} %{unit.removeprefix('share')}"
    return f"{number(value)} {'' if unit == 'day' else unit}".rstrip()


def worth_showing(summary: Mapping[str, float]) -> dict[str, float]:
    """Leave out what is 0 because the scenario does not have it."""
    return {n: x for n, x in summary.items() if x != 0 or n not in _IF_ANY}


def reproduction_of(
    series: Series, parameters: Parameters, window: int = 7
) -> npt.NDArray[np.float64]:
    """Instantaneous reproduction number by day, of daily counts.

    Args:
        series: `infections`, and `imports` of them from outside.
        parameters: Of the run.
        window: Days taken together.

    Returns:
        Shape (days,). NaN where there is nothing to say.
    """
    infections = series.get("infections", np.zeros(0))
    outside = series.get("imports", np.zeros(len(infections)))
    profile = infectiousness(parameters.disease)
    local = infections - outside
    return reproduction.instantaneous(local, outside, profile, window)


#: Figures that are the sum of a daily series of their name.
_TOTALS: Final = (
    *("imports", "imports_failed", "cases", "tests", "deaths", "vaccinated"),
    *("uploads", "alerts", "alerted", "alerts_acted"),
)


def _burden(series: Series) -> dict[str, float]:
    quarantine = _total(series, "in_quarantine")
    infected = _total(series, "in_quarantine_infected")
    return {
        "hospital_peak": float(series.get("hospital", np.zeros(0)).max(initial=0.0)),
        "icu_peak": float(series.get("icu", np.zeros(0)).max(initial=0.0)),
        "isolation_days": _total(series, "in_isolation"),
        "quarantine_days": quarantine,
        "quarantine_days_uninfected": quarantine - infected,
    }


def _places(series: Series) -> dict[str, float]:
    counts = np.array([_total(series, f"infections_{layer}") for layer in LAYERS])
    shares = attribution.shares_of(counts, LAYERS)
    return {f"share_{name}": share for name, share in shares.items()}


def _alerts(series: Series) -> dict[str, float]:
    alerts, false = _total(series, "alerts"), _total(series, "false_alerts")
    true = alerts - false - _total(series, "alerts_infected_before")
    several = alerts or float("nan")
    return {"false_alert_share": false / several, "ppv": true / several}


def _of_infections(
    rows: InfectionTable, tree: Tree, parameters: Parameters, people: int
) -> dict[str, float]:
    """Figures that only single infections tell."""
    persons = np.unique(rows.person).size
    since = rows.since[rows.since >= 0]
    phases = attribution.by_phase(rows)
    return {
        "attack_rate": float(persons) / people,
        "reinfections": float(len(rows.person) - persons),
        "r": first_reproduction(tree, rows.day, cohort_window(parameters, people)),
        "generation_time": float(since.mean()) if len(since) else float("nan"),
        **{f"share_{name}": share for name, share in phases.items()},
    }


def _by_variant(rows: InfectionTable, parameters: Parameters) -> dict[str, float]:
    """Infections by variant, where there is more than one."""
    if not parameters.variants:
        return {}
    names = ["first", *(item.name for item in parameters.variants)]
    counts = np.bincount(rows.variant, minlength=len(names))
    unique = [
        name if names.count(name) == 1 else f"{name}_{place}"
        for place, name in enumerate(names)
    ]
    return {
        f"infections_variant_{name}": float(count)
        for name, count in zip(unique, counts.tolist(), strict=True)
    }


def _total(series: Series, name: str) -> float:
    return float(series[name].sum()) if name in series else 0.0
