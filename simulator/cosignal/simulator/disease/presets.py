"""Named diseases, each number with its source.

What this module guarantees:

* A preset changes `disease` alone, and all of it at once; what it does not name keeps
  the value that it had.
* Every number it changes has a source; where there is none, it says "assumption".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cosignal.protocol.errors import UsageError
from cosignal.simulator.parameters.disease import DiseaseParameters
from cosignal.simulator.parameters.tree import Parameters

_WILD: Final = DiseaseParameters()


@dataclass(frozen=True, slots=True)
class Preset:
    """A disease.

    Attributes:
        meaning: One sentence.
        values: Parameters of `disease` by name.
        sources: Where each of them comes from, by the same names.
    """

    meaning: str
    values: Mapping[str, Any]
    sources: Mapping[str, str]


def _preset(meaning: str, /, **rows: tuple[Any, str]) -> Preset:
    values = {name: value for name, (value, _) in rows.items()}
    return Preset(meaning, values, {name: source for name, (_, source) in rows.items()})


def _scaled(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(round(value * factor, 8) for value in values)


_COVID: Final = _preset(
    "COVID-19 as in 2020, nobody immune",
    r0=(
        2.5,
        "2 to 3 as in Endo 2020; Li 2020: 2.2, Ferretti 2020: 2.0 (not checked)",
    ),
    generation_mean=(5.5, "OpenABM-Covid19; Ferretti 2020, Science 368:eabb6936"),
    generation_sd=(2.14, "OpenABM-Covid19; Ferretti 2020"),
    incubation_mean=(
        5.42,
        "OpenABM-Covid19 after McAloon 2020; Lauer 2020: median 5.1 (4.5 to 5.8)",
    ),
    incubation_sd=(2.7, "OpenABM-Covid19 after McAloon 2020"),
    dispersion=(
        0.45,
        "Covasim; lower in Endo 2020, Wellcome Open Res 5:67: 0.1 (0.05 to 0.2)",
    ),
    asymptomatic_infectiousness=(0.5, "OpenABM-Covid19: 0.33; Covasim: 1; between"),
    susceptibility=(_WILD.susceptibility, "Covasim 4; Zhang 2020, Science 368:1481"),
    symptomatic=(
        _WILD.symptomatic,
        "Covasim 4; less in Davies 2020, Nat Med 26:1205: 0.21 at 10-19, 0.69 at 70",
    ),
    severe=(_WILD.severe, "Covasim 4; Verity 2020, Lancet Infect Dis 20:669"),
    critical=(_WILD.critical, "Covasim 4; Verity 2020"),
    fatal=(_WILD.fatal, "O'Driscoll 2021, Nature 590:140"),
)

_OMICRON: Final = _preset(
    "COVID-19 like the Omicron variant of 2022, among people without immunity",
    r0=(9.5, "Liu and Rocklov 2022, J Travel Med 29:taac037, mean (not checked)"),
    generation_mean=(3.0, "Park 2023, PNAS 120:e2221887120: 3.0 (2.7 to 3.2)"),
    generation_sd=(1.6, "assumption: between 0.4 and 0.7 of the mean"),
    incubation_mean=(
        3.5,
        "BMC Med 2023, 10.1186/s12916-023-03070-8: 3.49; Park 2023: 3.8 to 4.5",
    ),
    incubation_sd=(2.2, "Backer 2022, Euro Surveill 27:2200042 (not checked)"),
    dispersion=(0.45, "assumption: as the wild type"),
    asymptomatic_infectiousness=(0.5, "assumption: as the wild type"),
    susceptibility=((0.8, 0.9, *(1.0,) * 7), "assumption: children nearly as adults"),
    symptomatic=(_WILD.symptomatic, "assumption: as the wild type"),
    severe=(
        _scaled(_WILD.severe, 0.41),
        "Nyberg 2022, Lancet 399:1303: 0.41 of Delta's; Delta as the wild type here",
    ),
    critical=(_scaled(_WILD.critical, 0.36), "assumption: between hospital and death"),
    fatal=(_scaled(_WILD.fatal, 0.31), "Nyberg 2022: 0.31 of Delta's"),
)

_HOSPITAL = (0.0041, 0.0025, 0.0047, 0.0047, 0.0047, 0.0089, 0.042, 0.076, 0.076)
_DEATH = (0.00004, 0.00002, 0.00014, 0.00014, 0.00014, 0.0005, 0.0042, 0.0079, 0.0079)
_CDC: Final = (
    "CDC, burden of the season 2018-2019, by illness, times the share with symptoms"
)
_INFLUENZA: Final = _preset(
    "Influenza, generic: as severe as a season, as new as a mild pandemic",
    r0=(1.5, "Biggerstaff 2014, BMC Infect Dis 14:480: 1.46 in 2009, 1.28 seasonal"),
    generation_mean=(3.2, "Chan 2024, US households, intrinsic: 3.2 (2.9 to 3.6)"),
    generation_sd=(1.6, "Cowling 2009, Epidemiology 20:344: serial interval 3.6, 1.6"),
    incubation_mean=(1.5, "Lessler 2009, Lancet Infect Dis 9:291: median 1.4"),
    incubation_sd=(0.65, "Lessler 2009: dispersion 1.51 (not checked)"),
    dispersion=(0.94, "Fraser 2011, Am J Epidemiol 174:505, 1918 (not checked)"),
    asymptomatic_infectiousness=(
        0.5,
        "Longini 2004, Am J Epidemiol 159:623, as cited by others",
    ),
    susceptibility=((1.0,) * 9, "assumption: nobody is immune"),
    symptomatic=(
        (0.84,) * 9,
        "Leung 2015, Epidemiology 26:862: 16 % without, by virus; more by serology",
    ),
    severe=(_HOSPITAL, _CDC),
    critical=(
        _scaled(_HOSPITAL, 0.16),
        "assumption: 16 % of patients; FluSurv-NET, order of size (not checked)",
    ),
    fatal=(_DEATH, _CDC),
    onset_to_hospital=(3.0, "assumption"),
    hospital_stay=(5.0, "assumption"),
    mild_recovery=(7.0, "assumption: about a week"),
    asymptomatic_recovery=(7.0, "assumption: as with symptoms"),
)

PRESETS: Final[Mapping[str, Preset]] = {
    "covid-19": _COVID,
    "omicron": _OMICRON,
    "influenza": _INFLUENZA,
}


def with_disease(parameters: Parameters, name: str) -> Parameters:
    """Give a scenario a named disease.

    Args:
        parameters: Of which the rest stays.
        name: Of `PRESETS`.

    Raises:
        UsageError: There is no such preset.

    >>> with_disease(Parameters(), "influenza").disease.generation_mean
    3.2
    """
    if name not in PRESETS:
        raise UsageError(f"disease: expected one of {', '.join(PRESETS)}, got {name!r}")
    changed = replace(parameters.disease, **PRESETS[name].values)
    return replace(parameters, disease=changed)
