"""The figures of a run that people ask for, by name."""

from typing import TYPE_CHECKING

import numpy as np

from cosignal.simulator.results import attribution
from cosignal.simulator.results.beginning import cohort_window, growth_window
from cosignal.simulator.results.reproduction import growth_rate
from cosignal.simulator.results.trees import first_reproduction

if TYPE_CHECKING:
    from cosignal.simulator.results.outcome import Results


def figures(results: "Results") -> dict[str, float]:
    """Put them together; NaN where there is nothing to divide by.

    Args:
        results: Of a run.
    """
    infections = results.series("infections")
    people = results.agents
    found = {
        "infections": float(infections.sum()),
        "attack_rate": float(np.unique(results.infections.person).size) / people,
        # Without day 0, on which people are infected by decree.
        "peak_infections": float(infections[1:].max(initial=0.0)),
        "peak_day": float(1 + np.argmax(infections[1:]))
        if len(infections) > 1
        else float("nan"),
        "imports": _total(results, "imports"),
        "imports_failed": _total(results, "imports_failed"),
    }
    return found | _burden(results) | _spread(results) | _alerts(results)


def _burden(results: "Results") -> dict[str, float]:
    return {
        "cases": _total(results, "cases"),
        "tests": _total(results, "tests"),
        "deaths": _total(results, "deaths"),
        "hospital_peak": float(results.series("hospital").max(initial=0.0)),
        "icu_peak": float(results.series("icu").max(initial=0.0)),
        "isolation_days": _total(results, "in_isolation"),
        "quarantine_days": _total(results, "in_quarantine"),
        "quarantine_days_uninfected": _total(results, "in_quarantine")
        - _total(results, "in_quarantine_infected"),
    }


def _spread(results: "Results") -> dict[str, float]:
    infections, rows = results.series("infections"), results.infections
    ask = results.parameters, results.agents
    times = results.generation_times()
    shares = attribution.by_layer(results.infections)
    phases = attribution.by_phase(results.infections)
    return {
        "r": first_reproduction(results.tree(), rows.day, cohort_window(*ask)),
        "growth_rate": growth_rate(infections, growth_window(*ask)),
        "generation_time": float(times.mean()) if len(times) else float("nan"),
        **{f"share_{name}": share for name, share in (shares | phases).items()},
    }


def _alerts(results: "Results") -> dict[str, float]:
    alerts, false = _total(results, "alerts"), _total(results, "false_alerts")
    true = alerts - false - _total(results, "alerts_infected_before")
    several = alerts or float("nan")
    return {
        "uploads": _total(results, "uploads"),
        "alerts": alerts,
        "alerted": _total(results, "alerted"),
        "alerts_acted": _total(results, "alerts_acted"),
        "false_alert_share": false / several,
        "ppv": true / several,
    }


def _total(results: "Results", name: str) -> float:
    return float(results.series(name).sum())
