"""How contacts infect, and what tests, isolation and tracing do to R."""

from collections.abc import Sequence
from typing import Any, Final

from cosignal.simulator.experiments.statistics import Estimate
from cosignal.simulator.experiments.study import Point, Study
from cosignal.simulator.studies.durations import measured
from cosignal.simulator.studies.presets import (
    Claim,
    Measure,
    Preset,
    reduction,
    total_ratio,
)


def _of_contacts(name: str) -> Measure:
    def measure(study: Study) -> Estimate:
        return measured(study.setting.parameters, name, study.replicates)

    return measure


CONTACTS: Final = Preset(
    name="P9",
    title="Contacts of the NHS COVID-19 app: how long, and which infect",
    source="Ferretti et al. 2023, Nature 626, 145",
    values={
        "population.place": "UK",
        "population.agents": 20_000,
        "days": 30,
        "disease.r0": 2.5,
        "disease.seeds": 100,
    },
    points=({},),
    claims=(
        Claim(
            "infections within households",
            "%",
            _of_contacts("household_infections"),
            "40",
            value=40.0,
        ),
        Claim(
            "contacts within households",
            "%",
            _of_contacts("household_contacts"),
            "6",
            value=6.0,
        ),
        Claim(
            "median time of a contact, over days",
            "h",
            _of_contacts("contact_hours"),
            "0.7 (quartiles 0.4 to 1.6)",
            value=0.7,
        ),
        Claim(
            "median time of a contact that infects, over days",
            "h",
            _of_contacts("infecting_hours"),
            "6 (quartiles 1.4 to 28)",
            value=6.0,
        ),
    ),
    replicates=6,
)


def _named(*recall: float) -> dict[str, Any]:
    """Cases name contacts: household, school, work, care home, community."""
    return {"tracing.capacity": 1.0, "tracing.recall": list(recall)}


#: Strategies in the order of the points. Of contacts outside the household 95 % are
#: found if cases know them: 90 % at school, 79 % at work, 52 % elsewhere.
_STRATEGIES: Final[Sequence[Point]] = (
    {"testing.symptomatic": 0.0, "isolation.on_positive": 0.0},
    {},
    _named(1.0, 0.0, 0.0, 0.0, 0.0),
    _named(1.0, 0.95, 0.95, 0.95, 0.0),
    _named(1.0, 0.855, 0.75, 0.75, 0.494),
    _named(1.0, 0.95, 0.95, 0.95, 0.95),
    {"app.adoption": 0.53, "isolation.household": 0.9},
    _named(1.0, 0.855, 0.75, 0.75, 0.494) | {"app.adoption": 0.53},
)


def _lower_r(words: str, point: int, published: float) -> Claim:
    return Claim(
        f"lower R, {words}",
        "%",
        reduction("r", point, 0),
        f"{published:.0f}",
        value=published,
    )


def _quarantines(words: str, point: int, published: str, value: float) -> Claim:
    return Claim(
        f"new quarantines for each person with symptoms, {words}",
        "",
        total_ratio("quarantines", "onsets", point),
        published,
        value=value,
    )


STRATEGIES: Final = Preset(
    name="P16",
    title="UK: what isolation, testing and tracing do to R",
    source="Kucharski et al. 2020, Lancet Infectious Diseases 20, 1151",
    values={
        "population.place": "UK",
        "population.agents": 50_000,
        "days": 45,
        # Infectious for five days, the first before symptoms and four with them.
        "disease.r0": 2.6,
        "disease.generation_mean": 6.5,
        "disease.generation_sd": 1.44,
        "disease.incubation_mean": 5.0,
        "disease.incubation_sd": 0.1,
        "disease.dispersion": 1000.0,
        "disease.symptomatic": [0.3, 0.38, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7],
        "disease.susceptibility": [1.0] * 9,
        # A housemate of somebody with symptoms is infected with probability 0.2.
        "contacts.household_weight": 1.3,
        # Few enough that hardly anybody is immune when R is counted.
        "disease.seeds": 100,
        # Nine of ten with symptoms are known, and stay at home, 1.55 days after onset.
        "testing.background": 0.0,
        "testing.symptomatic": 0.9,
        "testing.sensitivity": [1.0] * 22,
        "testing.specificity": 1.0,
        "testing.order_delay": 0.55,
        "testing.result_delay": 1.0,
        "isolation.on_symptoms": 0.0,
        "isolation.on_positive": 1.0,
        "isolation.household": 0.0,
        "isolation.drop_out": 0.0,
        "tracing.delay": 2.0,
        "tracing.compliance": 0.9,
        # Whoever has the app warns all others who have it, at once.
        "app.by_age": [1.0] * 9,
        "app.clustering": 0.0,
        "app.off": 0.0,
        "app.detection": 1.0,
        "app.false_sightings": 0.0,
        "app.weights": [1.0, 1.0, 1.0, 1.0],
        "app.alert_minutes": 0.1,
        "app.window": 5,
        "app.consent": 1.0,
        "app.code_delay": 0.0,
        "app.publish_delay": 0.0,
        "app.poll_interval": 0.1,
        "app.compliance": 0.9,
        "app.test_on_alert": 0.0,
    },
    points=_STRATEGIES,
    claims=(
        _lower_r("self-isolation", 1, 29.0),
        _lower_r("with household quarantine", 2, 37.0),
        _lower_r("and tracing at work and school", 3, 53.0),
        _lower_r("and tracing of acquaintances", 4, 57.0),
        _lower_r("and tracing of all contacts", 5, 64.0),
        _lower_r("household quarantine and the app", 6, 47.0),
        _lower_r("tracing of acquaintances and the app", 7, 61.0),
        _quarantines("all contacts", 5, "41.5 (830,000 for 20,000)", 41.5),
        _quarantines("the app", 6, "15.5 (310,000 for 20,000)", 15.5),
    ),
)
