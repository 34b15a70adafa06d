"""How contacts infect, and what tests, isolation and tracing do to R."""

from typing import Final

from cosignal.simulator.experiments.statistics import Estimate
from cosignal.simulator.experiments.study import Study
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
        return measured(study.setting.parameters, name)

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

_NOTHING: Final = {
    "testing.symptomatic": 0.0,
    "isolation.on_symptoms": 0.0,
    "isolation.household": 0.0,
}
_ALONE: Final = {
    "testing.symptomatic": 0.0,
    "isolation.on_symptoms": 0.65,
    "isolation.household": 0.0,
}
_TESTED: Final = {
    "testing.symptomatic": 0.9,
    "isolation.on_symptoms": 0.65,
    "isolation.household": 0.9,
    "tracing.capacity": 1.0,
    "tracing.compliance": 0.9,
    "app.adoption": 0.53,
    "app.consent": 0.9,
    "app.compliance": 0.9,
}

STRATEGIES: Final = Preset(
    name="P16",
    title="UK: what isolation, testing and tracing do to R",
    source="Kucharski et al. 2020, Lancet Infectious Diseases 20, 1151",
    values={
        "population.place": "UK",
        "population.agents": 50_000,
        "days": 40,
        "disease.r0": 2.6,
        # Few enough that hardly anybody is immune when R is counted.
        "disease.seeds": 100,
        "testing.background": 0.0,
    },
    points=(_NOTHING, _ALONE, _TESTED),
    claims=(
        Claim(
            "lower R, self-isolation alone",
            "%",
            reduction("r", 1, 0),
            "2 to 30",
            interval=(2.0, 30.0),
        ),
        Claim(
            "lower R, isolation, tests, households, tracing, app",
            "%",
            reduction("r", 2, 0),
            "50 to 65",
            interval=(50.0, 65.0),
        ),
        Claim(
            "new quarantines for each person with symptoms",
            "",
            total_ratio("quarantines", "onsets", 2),
            "14 to 39",
            interval=(14.0, 39.0),
        ),
    ),
)
