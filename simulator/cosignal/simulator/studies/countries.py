"""France, England and Wales, Zurich, Washington State: what their apps did.

What this module guarantees:

* A scenario is made from what was published about the place, the time, the app's rules
  and people's adherence; where a number is matched, it is one that is known from
  elsewhere and no claim: cases reported, infections surveyed, codes entered.
"""

from collections.abc import Sequence
from typing import Any, Final

from cosignal.simulator.experiments.statistics import Estimate
from cosignal.simulator.experiments.study import Point, Study
from cosignal.simulator.studies.presets import (
    Claim,
    Preset,
    reduction,
    scaled,
    share,
    total_ratio,
)

_WITHOUT: Final = {"app.adoption": 0.0}


def _restricted(factor: float) -> Sequence[dict[str, Any]]:
    """Share of the usual contacts left at work and in the community; schools open."""
    return [{"layer": name, "factor": factor} for name in ("work", "community")]


#: Neither tests nor isolation: nobody knows who is ill.
_UNDETECTED: Final = {
    "testing.symptomatic": 0.0,
    "isolation.on_positive": 0.0,
    "isolation.household": 0.0,
}


def _france(r: float, adoption: float, *, detected: bool = True) -> Point:
    changed = {"disease.r0": r, "app.adoption": adoption}
    return changed if detected else changed | _UNDETECTED


#: R of 2.6 and of 1.7, with half of the people with symptoms detected.
FRANCE: Final = Preset(
    name="P5",
    title="France: what adoption does to the peak",
    source="Moreno Lopez et al. 2021, Science Advances 7, eabd8750",
    values={
        "population.place": "FR",
        "population.agents": 50_000,
        "days": 200,
        "disease.seeds": 50,
        "testing.symptomatic": 0.5,
        "testing.background": 0.0,
        "testing.sensitivity": [1.0] * 22,  # half are detected, not half are tested
        "isolation.on_symptoms": 0.0,
        "isolation.on_positive": 0.9,
        "isolation.household": 0.9,
        "isolation.drop_out": 0.0,
        "app.consent": 1.0,
        "app.compliance": 0.9,
        "app.test_on_alert": 0.0,
        # A tenth of each decade of age is immune from the first day on.
        "vaccination.per_day": 0.1,
        "vaccination.coverage": [0.1] * 9,
        "vaccination.against_infection": 1.0,
        "vaccination.delay": 0,
    },
    points=(
        _france(2.6, 0.0, detected=False),
        _france(2.6, 0.0),
        _france(2.6, 0.2),
        _france(1.7, 0.0),
        _france(1.7, 0.3),
    ),
    claims=(
        Claim(
            "lower peak, R 2.6, households isolated and adoption 0.2 against nothing",
            "%",
            reduction("peak_infections", 2, 0),
            "about 35",
            value=35.0,
        ),
        Claim(
            "lower peak, R 2.6, the same against households isolated",
            "%",
            reduction("peak_infections", 2, 1),
            "about 35",
            value=35.0,
        ),
        Claim(
            "lower peak, R 1.7, adoption 0.3 against households isolated",
            "%",
            reduction("peak_infections", 4, 3),
            "manageable",
        ),
    ),
    replicates=8,
)


def _per_point(study: Study) -> Estimate:
    """Percent fewer infections for each point of adoption, around that of the time."""
    return scaled(study.reduction("infections", 3, 1), 100 / 20)


ENGLAND: Final = Preset(
    name="P7",
    title="England and Wales, autumn 2020: the NHS COVID-19 app",
    source="Wymant et al. 2021, Nature 594, 408",
    values={
        "population.place": "UK",
        "population.agents": 100_000,
        "days": 99,
        "disease.r0": 2.73,
        "closures": _restricted(0.5),
        "disease.seeds": 200,
        "testing.symptomatic": 1.0,
        "app.consent": 0.72,
        "app.off": 0.1,
        "app.compliance": 0.61,
        "app.window": 5,
        "app.test_on_alert": 0.0,
    },
    points=(
        _WITHOUT,
        {"app.adoption": 0.18},
        {"app.adoption": 0.28},
        {"app.adoption": 0.38},
        {"app.adoption": 0.48},
    ),
    claims=(
        Claim(
            "users who tested positive in 99 days",
            "%",
            share("codes", 2, 0.28),
            "3.2: 1.7 million of 3.2 each, of 16.5 million",
            value=3.2,
            matched=True,
        ),
        Claim(
            "infections that are found",
            "%",
            lambda study: scaled(total_ratio("cases", "infections", 2)(study), 100),
            "54: 21,000 of 38,900 a day in November",
            value=54.0,
            matched=True,
        ),
        Claim(
            "fewer cases because of the app",
            "%",
            reduction("cases", 2, 0),
            "13 (5.4 to 19): 284,000 (108,000 to 450,000) beside 1.9 million",
            value=13.0,
            interval=(5.4, 19.1),
        ),
        Claim(
            "fewer infections for each point of adoption",
            "%",
            _per_point,
            "0.79 (0.37 to 1.10), model",
            value=0.79,
            interval=(0.37, 1.1),
        ),
        Claim(
            "fewer infections with 20 points more",
            "%",
            reduction("infections", 4, 2),
            "24 (10 to 34)",
            value=24.0,
            interval=(10.0, 34.0),
        ),
        Claim(
            "alerts for each upload",
            "",
            total_ratio("alerts", "uploads", 2),
            "4.2 to 4.4",
            interval=(4.2, 4.4),
        ),
        Claim(
            "alerted people who later tested positive",
            "%",
            lambda study: scaled(
                total_ratio("alerted_positive", "alerted", 2)(study), 100
            ),
            "6.0",
            value=6.0,
        ),
    ),
)

ZURICH: Final = Preset(
    name="P10",
    title="Zurich, September 2020: the cascade of SwissCovid",
    source="Menges et al. 2021, JAMA Network Open 4, e218184",
    values={
        "population.place": "CH",
        "population.agents": 100_000,
        "days": 60,
        "disease.r0": 2.8,
        "closures": _restricted(0.4),
        "disease.seeds": 100,
        "app.adoption": 0.22,
        "app.consent": 0.603,
        "app.off": 0.1,
        # From two days before symptoms on.
        "app.infectiousness_weights": [0.0, 1.0],
    },
    points=({},),
    claims=(
        Claim(
            "users who tested positive in a month",
            "%",
            share("codes", 0, 0.22, slice(14, 44)),
            "0.16: 537 of 334,000",
            value=0.16,
            matched=True,
        ),
        Claim(
            "people alerted for each upload",
            "",
            total_ratio("alerted", "uploads", 0),
            "4.2 (1374 for 324)",
            value=4.24,
        ),
        Claim(
            "alerted people who later tested positive",
            "%",
            lambda study: scaled(
                total_ratio("alerted_positive", "alerted", 0)(study), 100
            ),
            "2.2 (30 of 1374)",
            value=2.18,
        ),
    ),
)

WASHINGTON: Final = Preset(
    name="P13",
    title="Washington State, winter 2020: WA Notify",
    source="Segal et al. 2021, medRxiv 2021.06.04.21257951, second version",
    values={
        "population.place": "UK",
        "population.agents": 100_000,
        "days": 122,
        "disease.r0": 2.8,
        "closures": _restricted(0.39),
        "disease.seeds": 1250,
        "app.consent": 0.29,
        "app.compliance": 0.53,
    },
    points=(_WITHOUT, {"app.adoption": 0.23}),
    claims=(
        Claim(
            "people who tested positive in 122 days",
            "%",
            share("cases", 1, 1.0),
            "2.6: 200,000 of 7.6 million",
            value=2.6,
            matched=True,
        ),
        Claim(
            "people who published",
            "%",
            share("uploads", 1, 1.0),
            "0.184: 14,000 of 7.6 million",
            value=0.184,
            matched=True,
        ),
        Claim(
            "fewer cases because of the app",
            "%",
            reduction("cases", 1, 0),
            "2.7 (1.4 to 3.9): 5,500 (2,800 to 8,200) beside 200,000",
            value=2.7,
            interval=(1.4, 3.9),
        ),
    ),
)
