"""France, England and Wales, Zurich, Washington State: what their apps did."""

from typing import Final

from cosignal.simulator.experiments.statistics import Estimate
from cosignal.simulator.experiments.study import Study, ratio
from cosignal.simulator.studies.presets import (
    Claim,
    Preset,
    figure,
    reduction,
    scaled,
    total_ratio,
)

_WITHOUT: Final = {"app.adoption": 0.0}
#: Autumn and winter 2020: about half of the usual contacts at work and in the
#: community, schools open. CoMix surveys of that time, order of size.
_RESTRICTED: Final = (
    {"layer": "work", "factor": 0.5},
    {"layer": "community", "factor": 0.5},
)

#: R of 2.6 and of 1.7, with half of the people with symptoms detected.
FRANCE: Final = Preset(
    name="P5",
    title="France: what adoption does to the peak",
    source="Moreno Lopez et al. 2021, Science Advances 7, eabd8750",
    values={
        "population.place": "FR",
        "population.agents": 50_000,
        "days": 250,
        "disease.seeds": 50,
        "testing.symptomatic": 0.5,
        "testing.background": 0.0,
        "isolation.on_symptoms": 0.0,
        "isolation.on_positive": 0.9,
        "app.consent": 1.0,
        "app.compliance": 0.9,
        "app.test_on_alert": 0.0,
    },
    points=(
        {"disease.r0": 2.6, "app.adoption": 0.0},
        {"disease.r0": 2.6, "app.adoption": 0.2},
        {"disease.r0": 1.7, "app.adoption": 0.0},
        {"disease.r0": 1.7, "app.adoption": 0.3},
        {
            "disease.r0": 2.6,
            "app.adoption": 0.0,
            "testing.symptomatic": 0.0,
            "isolation.household": 0.0,
            "isolation.on_positive": 0.0,
        },
    ),
    claims=(
        Claim(
            "lower peak, R 2.6, adoption 0.2 against 0",
            "%",
            reduction("peak_infections", 1, 0),
            "about 35",
            value=35.0,
        ),
        Claim(
            "lower peak, R 2.6, adoption 0.2 and tests against neither",
            "%",
            reduction("peak_infections", 1, 4),
            "about 35",
            value=35.0,
        ),
        Claim(
            "lower peak, R 1.7, adoption 0.3 against 0",
            "%",
            reduction("peak_infections", 3, 2),
            "manageable",
        ),
    ),
)


def _per_point(study: Study) -> Estimate:
    """Percent fewer infections for each percentage point of people with the app."""
    return scaled(study.reduction("infections", 1, 0), 100 / 28)


ENGLAND: Final = Preset(
    name="P7",
    title="England and Wales, autumn 2020: the NHS COVID-19 app",
    source="Wymant et al. 2021, Nature 594, 408",
    values={
        "population.place": "UK",
        "population.agents": 50_000,
        "days": 91,
        "disease.r0": 2.8,
        "closures": list(_RESTRICTED),
        "disease.seeds": 150,
        "disease.imports": 2.0,
        "app.consent": 0.72,
        "app.off": 0.1,
        "app.compliance": 0.61,
    },
    points=(
        _WITHOUT,
        {"app.adoption": 0.28},
        {"app.adoption": 0.48},
    ),
    claims=(
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
            reduction("infections", 2, 1),
            "24 (10 to 34)",
            value=24.0,
            interval=(10.0, 34.0),
        ),
        Claim(
            "people alerted for each upload",
            "",
            total_ratio("alerted", "uploads", 1),
            "4.2 to 4.4",
            interval=(4.2, 4.4),
        ),
        Claim(
            "alerted people who later tested positive",
            "%",
            lambda study: scaled(
                total_ratio("alerted_positive", "alerted", 1)(study), 100
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
        "population.agents": 50_000,
        "days": 60,
        "disease.r0": 2.8,
        "closures": list(_RESTRICTED),
        "disease.seeds": 50,
        "disease.imports": 2.0,
        "app.adoption": 0.22,
        "app.consent": 0.603,
        "app.off": 0.1,
    },
    points=({},),
    claims=(
        Claim(
            "codes that were entered",
            "%",
            lambda study: scaled(total_ratio("uploads", "codes", 0)(study), 100),
            "60 (324 of 537)",
            value=60.3,
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


def _averted_per_alert(study: Study) -> Estimate:
    """Infections averted for each thousand alerts."""
    averted = study.values("infections", 0) - study.values("infections", 1)
    return scaled(ratio(averted, study.values("alerts", 1)), 1000)


def _averted_per_person(study: Study) -> Estimate:
    """Infections averted for each hundred thousand people."""
    people = study.setting.parameters.population.agents
    return scaled(study.difference("infections", 0, 1), 1e5 / people)


WASHINGTON: Final = Preset(
    name="P13",
    title="Washington State, winter 2020: WA Notify",
    source="Segal et al. 2021, preprint, four months; Elder et al. 2024, a year",
    values={
        "population.place": "UK",
        "population.agents": 50_000,
        "days": 120,
        "disease.r0": 2.8,
        "closures": list(_RESTRICTED),
        "disease.seeds": 50,
        "disease.imports": 2.0,
        "app.compliance": 0.53,
    },
    points=(_WITHOUT, {"app.adoption": 0.23}),
    claims=(
        Claim(
            "infections averted for 100,000 people",
            "",
            _averted_per_person,
            "6,240 in a state of 7.6 million: 82",
            value=82.0,
        ),
        Claim(
            "infections averted for 1,000 alerts",
            "",
            _averted_per_alert,
            "59 (32 to 84), of 1.089 million",
            value=59.0,
            interval=(32.0, 84.0),
        ),
        Claim(
            "alerts to people infected at the exposure or since, tested or not",
            "%",
            lambda study: scaled(figure("ppv", 1)(study), 100),
            "12.085, assumed",
            value=12.085,
        ),
    ),
)
