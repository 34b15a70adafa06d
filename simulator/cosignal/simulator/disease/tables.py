"""The disease as numbers that kernels read, made once from the parameters.

What this module guarantees:

* Whatever depends on age, day or variant is a look-up; nothing is computed twice.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from cosignal.simulator.disease.lattice import Weights, lattice_gamma
from cosignal.simulator.parameters.disease import DiseaseParameters
from cosignal.simulator.parameters.tree import Parameters

#: Standard deviation relative to the mean, of the times whose mean alone is a
#: parameter. Source: OpenABM-Covid19 (hospital 8.75, 8.75; intensive care 11.74, 8.79;
#: ward to intensive care 2.27, 2.27; recovery 12, 5; without symptoms 15, 5); to
#: hospital: assumption.
_SPREADS: Final = {
    "onset_to_hospital": 0.6,
    "hospital_to_icu": 1.0,
    "icu_to_end": 0.75,
    "hospital_stay": 1.0,
    "mild_recovery": 0.42,
    "asymptomatic_recovery": 0.33,
}
#: Rows of `Tables.times`.
INCUBATION, TO_HOSPITAL, TO_ICU, IN_ICU, IN_HOSPITAL, MILD, SILENT = range(7)


class Tables(NamedTuple):
    """v variants, the first of `disease` being 0; l days of infectiousness.

    Attributes:
        profile: float32[l]. Share of infectiousness by days since infection; sums to 1.
        severity: float64[v, 9, 4]. By variant and decade of age, the probability of
            symptoms, hospital, intensive care, death, or worse.
        times: float64[7, ...]. Cumulative probabilities of whole days, by `INCUBATION`
            and so on.
        relative: float32[v]. Transmissibility.
        cross: float32[v, v]. Share of the protection by the one (row) that protects
            from the other one.
        dispersion: Shape of the gamma distribution of individual infectiousness.
        asymptomatic: Factor of infectiousness without symptoms.
        immunity: Protection right after recovery.
        waning: Natural logarithm of 2 by the half-life, 1/day; 0 for none.
        vaccine: Protection by vaccination against infection with the first variant.
        vaccine_severe: Against hospital, given infection.
        vaccine_delay: Days until vaccination protects.
        vaccine_waning: As `waning`, of vaccination.
        cross_severe: float32[v, v]. As `cross`, of protection against hospital.
        immunity_severe: Protection by infection against hospital, given another one.
        severe_waning: As `waning`, of that protection.
        vaccine_severe_waning: As `waning`, of `vaccine_severe`.
    """

    profile: npt.NDArray[np.float32]
    severity: npt.NDArray[np.float64]
    times: npt.NDArray[np.float64]
    relative: npt.NDArray[np.float32]
    cross: npt.NDArray[np.float32]
    dispersion: float
    asymptomatic: float
    immunity: float
    waning: float
    vaccine: float
    vaccine_severe: float
    vaccine_delay: int
    vaccine_waning: float
    cross_severe: npt.NDArray[np.float32]
    immunity_severe: float
    severe_waning: float
    vaccine_severe_waning: float


def make_tables(parameters: Parameters) -> Tables:
    """Make them.

    Raises:
        UsageError: A mean and a standard deviation do not go together.
    """
    disease, vaccination = parameters.disease, parameters.vaccination
    return Tables(
        infectiousness(disease).astype(np.float32),
        _severity(parameters),
        _times(disease),
        np.array([1.0, *(v.transmissibility for v in parameters.variants)], np.float32),
        _cross([variant.cross_immunity for variant in parameters.variants]),
        disease.dispersion,
        disease.asymptomatic_infectiousness,
        disease.immunity,
        _rate(disease.waning_half_life),
        vaccination.against_infection,
        vaccination.against_severe,
        vaccination.delay,
        _rate(vaccination.waning_half_life),
        _cross([variant.cross_severe for variant in parameters.variants]),
        disease.immunity_severe,
        _rate(disease.severe_half_life),
        _rate(vaccination.severe_half_life),
    )


def layer_weights(parameters: Parameters) -> npt.NDArray[np.float64]:
    """Shape (5,). Transmission of a contact of each layer, relative."""
    contacts = parameters.contacts
    return np.array(
        [
            contacts.household_weight,
            contacts.school_weight,
            contacts.work_weight,
            contacts.care_weight,
            contacts.community_weight,
        ]
    )


def infectiousness(disease: DiseaseParameters) -> Weights:
    """Share of infectiousness by days since infection, none on day 0.

    Returns:
        Shape (l,), of mean `generation_mean` and deviation `generation_sd`.
    """
    return lattice_gamma(
        "disease.generation_mean", disease.generation_mean, disease.generation_sd, 1
    )


def _severity(parameters: Parameters) -> npt.NDArray[np.float64]:
    disease = parameters.disease
    first = np.array(
        [disease.symptomatic, disease.severe, disease.critical, disease.fatal]
    ).T
    rows = [first]
    for variant in parameters.variants:
        other = first.copy()
        other[:, 1:] = np.minimum(other[:, 1:] * variant.severity, other[:, :1])
        rows.append(other)
    return np.stack(rows)


def _times(disease: DiseaseParameters) -> npt.NDArray[np.float64]:
    incubation = lattice_gamma(
        "disease.incubation_mean", disease.incubation_mean, disease.incubation_sd, 1
    )
    rows = [incubation]
    for name, spread in _SPREADS.items():
        mean = getattr(disease, name)
        least = 1 if name.endswith("_recovery") else 0
        rows.append(_time(name, mean, spread, least))
    cumulative = np.ones((len(rows), max(map(len, rows))))
    for row, weights in zip(cumulative, rows, strict=True):
        row[: len(weights) - 1] = np.cumsum(weights)[:-1]
    return cumulative


def _time(name: str, mean: float, spread: float, least: int) -> Weights:
    """A time of which only the mean is given; short ones have but two lengths."""
    if mean - least < 1:
        weights = np.zeros(least + 2)
        weights[least : least + 2] = least + 1 - mean, mean - least
        return weights
    return lattice_gamma(f"disease.{name}", mean, max(spread * mean, 0.75), least)


def _cross(further: list[float]) -> npt.NDArray[np.float32]:
    """A further variant's share counts both ways between it and the first one."""
    shares = [1.0, *further]
    cross = np.empty((len(shares), len(shares)), np.float32)
    for before, _ in enumerate(shares):
        for now, share in enumerate(shares):
            cross[before, now] = share if now else shares[before]
        cross[before, before] = 1.0
    return cross


def _rate(half_life: float) -> float:
    return float(np.log(2) / half_life) if half_life > 0 else 0.0
