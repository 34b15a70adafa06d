"""The daily series that a run counts, by name.

What this module guarantees:

* There is one list of names; a name that is neither in it nor counted by a run is
  refused, so that a slip of the pen never reads as zeros.
* A series of the list that nothing was counted in is zero on all days.
"""

import difflib
from collections.abc import Iterable
from typing import Final

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.behaviour import LAYERS

#: What the program itself counts, each day, and what that is.
SERIES: Final = {
    "infections": "infections",
    **{f"infections_{layer}": f"infections in the layer {layer}" for layer in LAYERS},
    "imports": "infections from outside, the first ones included",
    "imports_failed": "arrivals from outside that infected nobody",
    "onsets": "people whose symptoms begin",
    "hospital": "people in hospital",
    "icu": "people in intensive care",
    "deaths": "deaths",
    "vaccinated": "doses given",
    "tests": "tests taken",
    "cases": "positive results",
    "false_positives": "positive results of people who are not infected",
    "in_isolation": "people at home, for whatever reason",
    "in_quarantine": "people at home because of a contact",
    "in_quarantine_infected": "of these, the infected",
    "isolations": "people who begin to stay at home with an infection of their own",
    "isolations_infected": "of these, the infected",
    "days_to_isolation": "days from infection to isolation, of the infected together",
    "quarantines": "people who begin to stay at home because of a contact",
    "quarantines_infected": "of these, the infected",
    "days_to_quarantine": "days from infection to quarantine, of the infected together",
    "closures": "closures in force",
    "interviews": "cases whom manual tracing asks",
    "traced": "contacts whom manual tracing reaches",
    "app_users": "people with the app",
    "codes": "codes that app users get",
    "uploads": "app users who publish",
    "keys": "day keys that they publish",
    "alerts": "alerts",
    "alerted": "people alerted, once an episode",
    "alerts_acted": "of these, who stay at home",
    "alerted_positive": "positive results of people alerted",
    "alerts_infected_before": "alerts to people infected before the exposure",
    "false_alerts": "alerts to people not infected",
}


def require_series(name: str, recorded: Iterable[str], what: str = "series") -> None:
    """Refuse the name of a series that a run cannot have.

    Args:
        name: Of the series.
        recorded: Names that the run counted, those of own interventions too.
        what: What to call it in the message.

    Raises:
        UsageError: It names the nearest names, and all.
    """
    known = list(dict.fromkeys([*SERIES, *recorded]))
    if name in known:
        return
    near = difflib.get_close_matches(name, known)
    question = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        f"{what}: expected a daily series of the run, got {name!r}",
        advice=f"{question}Known are {', '.join(known)}.",
    )
