"""How far warnings get: from positive results to alerts that were right.

What this module guarantees:

* Every number is a sum over the days of a run, of a series that `record` holds.
* A share of nothing is nan, not 0.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Series = Callable[[str], npt.NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Cascade:
    """Sums over a run.

    Attributes:
        cases: Positive results.
        codes: Of people with the app, who may publish.
        uploads: People who published; by symptoms alone as well, if that is allowed.
        keys: Days they published.
        alerts: Notifications, one a phone and day at most; none to known cases.
        true_alerts: Of people infected on the first day of exposure that the alert is
            about, or since.
        infected_before: Alerts of people infected before that day, and still on it; the
            one who published may have been infected by them.
        alerted: People alerted who had no alert in the 14 days before.
        acted: Of these, who stayed at home.
        alerted_cases: Of these, who had a positive result within 14 days of an alert.
    """

    cases: float
    codes: float
    uploads: float
    keys: float
    alerts: float
    true_alerts: float
    infected_before: float
    alerted: float
    acted: float
    alerted_cases: float

    @property
    def alerts_per_upload(self) -> float:
        """How many people, newly alerted, there are for each who publishes."""
        return share(self.alerted, self.uploads)

    @property
    def notifications_per_upload(self) -> float:
        """How many notifications there are for each who publishes."""
        return share(self.alerts, self.uploads)

    @property
    def ppv(self) -> float:
        """Positive predictive value: share of alerts that are true."""
        return share(self.true_alerts, self.alerts)

    @property
    def secondary_attack_rate(self) -> float:
        """Share of alerted people whom a positive result follows."""
        return share(self.alerted_cases, self.alerted)


def cascade(series: Series) -> Cascade:
    """Sum up.

    Args:
        series: `Results.series` or `Recorder.series`.
    """

    def total(name: str) -> float:
        return float(series(name).sum())

    earlier = total("alerts_infected_before")
    return Cascade(
        cases=total("cases"),
        codes=total("codes"),
        uploads=total("uploads"),
        keys=total("keys"),
        alerts=total("alerts"),
        true_alerts=total("alerts") - total("false_alerts") - earlier,
        infected_before=earlier,
        alerted=total("alerted"),
        acted=total("alerts_acted"),
        alerted_cases=total("alerted_positive"),
    )


def days_to_quarantine(series: Series) -> float:
    """Mean days from infection to the beginning of quarantine, of the infected."""
    days, infected = series("days_to_quarantine"), series("quarantines_infected")
    return share(float(days.sum()), float(infected.sum()))


def days_to_isolation(series: Series) -> float:
    """Mean days from infection to the beginning of isolation, of the infected."""
    days, infected = series("days_to_isolation"), series("isolations_infected")
    return share(float(days.sum()), float(infected.sum()))


def quarantine_days(series: Series) -> tuple[float, float]:
    """Days in quarantine of the infected, and of the others."""
    infected = float(series("in_quarantine_infected").sum())
    return infected, float(series("in_quarantine").sum()) - infected


def share(part: float, whole: float) -> float:
    """Divide; nan for a share of nothing."""
    return part / whole if whole else math.nan
