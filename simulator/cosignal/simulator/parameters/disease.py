"""The infection: how fast it spreads, what it does, what protects from it."""

from dataclasses import dataclass

from cosignal.simulator.parameters.declaration import parameter

#: Severity is given by decades of age, the last one from 80.
AGE_BANDS = 9


@dataclass(frozen=True, slots=True)
class DiseaseParameters:
    """Course and infectiousness of the first variant."""

    r0: float = parameter(
        2.5,
        "Basic reproduction number; ignored where `growth_rate` is given",
        unit="1",
        low=0.0,
        high=20.0,
        symbol="R_0",
        source="COVID-19 wild type, 2 to 3",
    )
    growth_rate: float | None = parameter(
        None,
        "Exponential growth rate at the start, in place of `r0`",
        unit="1/day",
        low=-1.0,
        high=1.0,
        symbol="r",
        source="user",
    )
    generation_mean: float = parameter(
        5.5,
        "Mean generation time",
        unit="days",
        low=0.5,
        high=20.0,
        symbol="mu",
        source="OpenABM-Covid19; Ferretti 2020",
    )
    generation_sd: float = parameter(
        2.14,
        "Standard deviation of the generation time",
        unit="days",
        low=0.1,
        high=15.0,
        symbol="sigma",
        source="OpenABM-Covid19; Ferretti 2020",
    )
    incubation_mean: float = parameter(
        5.42,
        "Mean time from infection to symptoms, gamma",
        unit="days",
        low=0.5,
        high=20.0,
        source="OpenABM-Covid19 after McAloon 2020",
    )
    incubation_sd: float = parameter(
        2.7,
        "Standard deviation of that time",
        unit="days",
        low=0.1,
        high=15.0,
        source="OpenABM-Covid19 after McAloon 2020",
    )
    dispersion: float = parameter(
        0.45,
        "Dispersion of individual infectiousness, gamma; lower is more uneven",
        unit="1",
        low=0.05,
        high=1000.0,
        symbol="k",
        source="Covasim: 0.45",
    )
    asymptomatic_infectiousness: float = parameter(
        0.5,
        "Infectiousness of people who never have symptoms",
        unit="1",
        low=0.0,
        high=1.0,
        source="OpenABM-Covid19: 0.33; Covasim: 1; between",
    )
    susceptibility: tuple[float, ...] = parameter(
        (0.34, 0.67, 1.0, 1.0, 1.0, 1.0, 1.24, 1.47, 1.47),
        "Relative susceptibility by decade of age",
        unit="1",
        low=0.0,
        high=5.0,
        source="Covasim 4; Zhang 2020",
    )
    symptomatic: tuple[float, ...] = parameter(
        (0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90),
        "Probability of symptoms by decade of age",
        unit="1",
        low=0.0,
        high=1.0,
        source="Covasim 4; less in Davies 2020: 0.21 at 10 to 19, 0.69 at 70 and more",
    )
    severe: tuple[float, ...] = parameter(
        (0.0005, 0.00165, 0.0072, 0.0208, 0.0343, 0.0765, 0.1328, 0.20655, 0.2457),
        "Probability, per infection, of needing a hospital",
        unit="1",
        low=0.0,
        high=1.0,
        source="Covasim 4; Verity 2020",
    )
    critical: tuple[float, ...] = parameter(
        (
            0.00003,
            0.00008,
            0.00036,
            0.00104,
            0.00216,
            0.00933,
            0.03639,
            0.08923,
            0.1742,
        ),
        "Probability, per infection, of needing intensive care",
        unit="1",
        low=0.0,
        high=1.0,
        source="Covasim 4; Verity 2020",
    )
    fatal: tuple[float, ...] = parameter(
        (
            0.00002,
            0.00002,
            0.0001,
            0.00032,
            0.00098,
            0.00265,
            0.00766,
            0.02439,
            0.08292,
        ),
        "Probability, per infection, of death",
        unit="1",
        low=0.0,
        high=1.0,
        source="O'Driscoll 2021",
    )
    onset_to_hospital: float = parameter(
        5.14,
        "Mean time from symptoms to hospital",
        unit="days",
        low=0.0,
        high=30.0,
        source="OpenABM-Covid19",
    )
    hospital_to_icu: float = parameter(
        2.27,
        "Mean time from hospital to intensive care",
        unit="days",
        low=0.0,
        high=30.0,
        source="OpenABM-Covid19",
    )
    icu_to_end: float = parameter(
        11.74,
        "Mean time in intensive care",
        unit="days",
        low=0.0,
        high=60.0,
        source="OpenABM-Covid19",
    )
    hospital_stay: float = parameter(
        8.75,
        "Mean time in hospital without intensive care",
        unit="days",
        low=0.0,
        high=60.0,
        source="OpenABM-Covid19",
    )
    mild_recovery: float = parameter(
        12.0,
        "Mean time from symptoms to recovery without hospital",
        unit="days",
        low=1.0,
        high=60.0,
        source="OpenABM-Covid19: 12, standard deviation 5",
    )
    asymptomatic_recovery: float = parameter(
        15.0,
        "Mean time from infection to recovery without symptoms",
        unit="days",
        low=1.0,
        high=60.0,
        source="OpenABM-Covid19: 15, standard deviation 5",
    )
    immunity: float = parameter(
        1.0,
        "Protection against infection right after recovery",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption within one wave",
    )
    waning_half_life: float = parameter(
        0.0,
        "Half-life of that protection; 0 for none",
        unit="days",
        low=0.0,
        high=100_000.0,
        source="user",
    )
    immunity_severe: float = parameter(
        0.6,
        "Protection by an earlier infection against hospital, given another infection",
        unit="1",
        low=0.0,
        high=1.0,
        source="Bobrovitz 2023, Lancet Infect Dis: 0.83 of severe disease and "
        "0.65 of infections prevented after 3 months, 0.75 and 0.25 after 12; given "
        "infection 0.50 and 0.66",
    )
    severe_half_life: float = parameter(
        0.0,
        "Half-life of that protection; 0 for none",
        unit="days",
        low=0.0,
        high=100_000.0,
        source="Bobrovitz 2023: none is seen in a year, given infection",
    )
    seeds: int = parameter(
        100,
        "People infected on day 0",
        unit="people",
        low=0,
        high=10_000_000,
        source="user",
    )
    imports: float = parameter(
        0.0,
        "People exposed elsewhere, on average; immunity and vaccine may protect them",
        unit="people/day",
        low=0.0,
        high=1_000_000.0,
        source="user",
    )


@dataclass(frozen=True, slots=True)
class Variant:
    """Another variant, compared with the first one."""

    name: str = parameter("variant", "Name", unit="", source="user")
    day: int = parameter(
        0,
        "Day of its first infections",
        unit="days",
        low=0,
        high=100_000,
        source="user",
    )
    seeds: int = parameter(
        10,
        "People infected with it on that day",
        unit="people",
        low=0,
        high=10_000_000,
        source="user",
    )
    transmissibility: float = parameter(
        1.0,
        "Transmissibility relative to the first variant",
        unit="1",
        low=0.0,
        high=20.0,
        source="user",
    )
    severity: float = parameter(
        1.0,
        "Probabilities of hospital, intensive care, death, relative",
        unit="1",
        low=0.0,
        high=20.0,
        source="user",
    )
    cross_immunity: float = parameter(
        1.0,
        "Share of protection by another variant that protects from this one",
        unit="1",
        low=0.0,
        high=1.0,
        source="user",
    )
    cross_severe: float = parameter(
        1.0,
        "Share of protection against hospital, by another variant or the vaccine, "
        "that protects from this one",
        unit="1",
        low=0.0,
        high=1.0,
        source="COVID-19 Forecasting Team 2023, Lancet 401:833: above 0.78 for all",
    )


@dataclass(frozen=True, slots=True)
class VaccinationParameters:
    """Who is vaccinated, when, and what it does."""

    start: int = parameter(
        0, "First day", unit="days", low=0, high=100_000, source="user"
    )
    per_day: float = parameter(
        0.0,
        "Share of all people vaccinated a day",
        unit="1/day",
        low=0.0,
        high=1.0,
        source="user",
    )
    coverage: tuple[float, ...] = parameter(
        (0.0, 0.5, 0.7, 0.7, 0.8, 0.85, 0.9, 0.92, 0.95),
        "Highest share vaccinated, by decade of age; the old come first",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption; ECDC vaccine tracker, order of size",
    )
    against_infection: float = parameter(
        0.6,
        "Protection against infection",
        unit="1",
        low=0.0,
        high=1.0,
        source="UKHSA vaccine surveillance, order of size",
    )
    against_severe: float = parameter(
        0.9,
        "Protection against hospital, given infection",
        unit="1",
        low=0.0,
        high=1.0,
        source="UKHSA vaccine surveillance, order of size",
    )
    delay: int = parameter(
        14,
        "Days until it protects",
        unit="days",
        low=0,
        high=365,
        source="time to antibodies",
    )
    waning_half_life: float = parameter(
        0.0,
        "Half-life of protection against infection; 0 for none",
        unit="days",
        low=0.0,
        high=100_000.0,
        source="user",
    )
    severe_half_life: float = parameter(
        0.0,
        "Half-life of protection against hospital, given infection; 0 for none",
        unit="days",
        low=0.0,
        high=100_000.0,
        source="assumption near Feikin 2022, Lancet: in 5 months 10 points less "
        "against severe disease and 21 against infection, the two together",
    )
