"""Who is there, and how they meet."""

from dataclasses import dataclass
from typing import Final

from cosignal.simulator.parameters.declaration import parameter

#: Countries, and what people call them.
PLACE_NAMES: Final = {
    "FR": "France",
    "UK": "United Kingdom",
    "DE": "Germany",
    "CH": "Switzerland",
}
PLACES: Final = tuple(PLACE_NAMES)


@dataclass(frozen=True, slots=True)
class PopulationParameters:
    """Size, place and structure of the population."""

    place: str = parameter(
        "FR",
        "Country whose age pyramid, households and contact matrices are used",
        unit="",
        choices=PLACES,
        words=tuple(PLACE_NAMES.values()),
        source="UN WPP 2020; INSEE, ONS, Destatis, FSO; POLYMOD, Prem 2017",
    )
    agents: int = parameter(
        100_000,
        "Number of people",
        unit="people",
        low=100,
        high=100_000_000,
        source="user",
    )
    region_size: int = parameter(
        32_768,
        "People of a region; most contacts are within it",
        unit="people",
        low=100,
        high=10_000_000,
        source="fits a processor's cache; measured",
    )
    commuting: float = parameter(
        0.1,
        "Share of community contacts that may be with people of any region",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption",
    )
    class_size: int = parameter(
        25,
        "Pupils of a school class",
        unit="people",
        low=2,
        high=100,
        source="OECD, Education at a Glance: 19 to 27 in France and the UK",
    )
    team_size: int = parameter(
        15,
        "People who work together",
        unit="people",
        low=2,
        high=200,
        source="assumption; gives the work contacts of the matrices",
    )
    employment: float = parameter(
        0.7,
        "Share of people of 20 to 64 years at work",
        unit="1",
        low=0.0,
        high=1.0,
        source="Eurostat, employment rate of about 70 %",
    )
    care_home_share: float = parameter(
        0.1,
        "Share of people of 80 years and more in care homes",
        unit="1",
        low=0.0,
        high=1.0,
        source="DREES 2019: about 10 % at 75+, rising with age",
    )
    care_home_unit: int = parameter(
        20,
        "Residents of a unit of a care home",
        unit="people",
        low=2,
        high=200,
        source="assumption",
    )
    care_home_staff: float = parameter(
        0.25,
        "Staff on duty for each resident of a care home",
        unit="people",
        low=0.0,
        high=5.0,
        source="assumption",
    )
    care_home_meeting: float = parameter(
        0.3,
        "Probability that two people of a unit of a care home meet on a day",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption; about 7 contacts a day",
    )
    people: str = parameter(
        "",
        "File of own people, CSV or Parquet, in place of `agents`; empty for none",
        unit="",
        source="user",
    )
    networks: tuple[str, ...] = parameter(
        (),
        "Files of contacts between own people",
        unit="",
        source="user",
    )


@dataclass(frozen=True, slots=True)
class ContactParameters:
    """How many contacts, how long and how near."""

    community_dispersion: float = parameter(
        0.6,
        "Dispersion k of the number of community contacts a day, negative binomial",
        unit="1",
        low=0.05,
        high=100.0,
        symbol="k_c",
        source="OpenABM-Covid19: standard deviation equal to the mean of 2 to 4",
    )
    household_weight: float = parameter(
        2.0,
        "Transmission within a household relative to one contact elsewhere",
        unit="1",
        low=0.0,
        high=20.0,
        source="OpenABM-Covid19; attack rate at home by Curmei 2021: see the model",
    )
    school_weight: float = parameter(
        1.0,
        "Transmission at school relative to one contact",
        unit="1",
        low=0.0,
        high=20.0,
        source="OpenABM-Covid19",
    )
    work_weight: float = parameter(
        1.0,
        "Transmission at work relative to one contact",
        unit="1",
        low=0.0,
        high=20.0,
        source="OpenABM-Covid19",
    )
    care_weight: float = parameter(
        2.0,
        "Transmission in a care home relative to one contact",
        unit="1",
        low=0.0,
        high=20.0,
        source="assumption: as in a household",
    )
    community_weight: float = parameter(
        1.0,
        "Transmission in the community relative to one contact",
        unit="1",
        low=0.0,
        high=20.0,
        source="OpenABM-Covid19",
    )
    weekend_community: float = parameter(
        1.2,
        "Community contacts at weekends relative to weekdays",
        unit="1",
        low=0.0,
        high=1.2,
        source="POLYMOD: more leisure contacts at weekends; assumption",
    )
    duration_median: float = parameter(
        0.7,
        "Median duration of a contact outside households",
        unit="hours",
        low=0.01,
        high=12.0,
        source="Ferretti 2023, Nature 626:145: median 0.7 h",
    )
    duration_spread: float = parameter(
        1.03,
        "Standard deviation of the logarithm of that duration",
        unit="1",
        low=0.0,
        high=3.0,
        source="Ferretti 2023: quartiles 0.4 and 1.6 h",
    )
    dose_saturation: float = parameter(
        10.0,
        "Hours on one day after which a contact has done 63 % of what it can do",
        unit="hours",
        low=0.1,
        high=1000.0,
        symbol="T_D",
        source="Ferretti 2023: 1.1 % an hour at first, about 10 % after a day (figure)",
    )
    distance_mean: float = parameter(
        1.5,
        "Mean distance of a contact",
        unit="m",
        low=0.1,
        high=20.0,
        source="assumption",
    )
    distance_shape: float = parameter(
        2.0,
        "Shape of the gamma distribution of distances",
        unit="1",
        low=0.1,
        high=50.0,
        source="abesim: gamma distances by location",
    )
    holidays: tuple[tuple[int, int], ...] = parameter(
        (),
        "School holidays: first day and day after the last, of each",
        unit="days",
        low=0,
        source="user",
    )
