"""How much one contact transmits, so that the reproduction number is the given one.

R0 is here the mean number of people whom a typical early case infects while everybody
else is susceptible: the dominant eigenvalue of the next-generation operator over the
people themselves, with all in which they differ (age, household, place, number of
contacts in the community, susceptibility), found by power iteration on a sample.

* A first sample is drawn at random. Each of its people has the contacts of the days
  after an infection, as in a run; the expected number of infections of each contact
  person follows from beta, exactly: 1 - E exp(-infectivity * hazard), the hazard summed
  over all contacts of the pair, so that a household saturates.
* The next sample is drawn from the contact people in proportion to these
  expectations, and so on: after some generations it is made of typical early cases.
* Who infected somebody is not infected back. Two who were infected by the same person,
  in one household or place, do not infect each other either, with the probability that
  they were: a case in a household finds some already infected.
* Beta is such that the mean of a generation is R0; the mean over the later generations
  counts.

What this module guarantees:

* Beta is a function of parameters and people; it changes with neither interventions,
  nor threads.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.simulator.disease.tables import Tables, infectiousness
from cosignal.simulator.parameters.disease import DiseaseParameters
from cosignal.simulator.parameters.tree import Parameters
from cosignal.simulator.population.people import People

Ids = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

#: People of a sample; generations until it is typical; generations that count.
_SAMPLE: Final = 1500
_SETTLING: Final = 3
_COUNTING: Final = 6
_PRECISION: Final = 1e-6
#: Days of contacts that are made; a longer infection goes through them again.
_WEEKS: Final = 28


def reproduction_of_growth(growth_rate: float, disease: DiseaseParameters) -> float:
    """Reproduction number that makes cases grow exponentially at a rate.

    Euler and Lotka: 1 = R * sum of profile(k) * exp(-rate * k).

    Args:
        growth_rate: 1/day.
        disease: Its generation time.

    >>> round(reproduction_of_growth(0.2, DiseaseParameters()), 2)
    2.74
    """
    profile = infectiousness(disease)
    days = np.arange(len(profile))
    return float(1 / (profile @ np.exp(-growth_rate * days)))


def reproduction_number(disease: DiseaseParameters) -> float:
    """The one that is asked for: `r0`, or that of `growth_rate`."""
    if disease.growth_rate is None:
        return disease.r0
    return reproduction_of_growth(disease.growth_rate, disease)


def layer_weights(parameters: Parameters) -> Floats:
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


def solve_beta(parameters: Parameters, people: People, tables: Tables) -> float:
    """Solve for beta.

    Args:
        parameters: `disease.r0` or `disease.growth_rate`, contacts, seed.
        people: Who is there.
        tables: The disease as numbers.

    Returns:
        Hazard of an average contact, summed over the days of infectiousness.
    """
    return reproduction_number(parameters.disease) / 12.0
