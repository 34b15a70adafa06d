"""Tests, isolation, manual tracing, closures: what is done without an app."""

from dataclasses import dataclass

from cosignal.simulator.parameters.declaration import parameter

LAYERS = ("household", "school", "work", "care", "community")


@dataclass(frozen=True, slots=True)
class TestingParameters:
    """Who is tested, and what a test says."""

    symptomatic: float = parameter(
        0.6,
        "Probability that somebody with symptoms orders a test",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption; 0.18 to 0.22 in a survey, Smith 2021, BMJ 372:n608, UK",
    )
    background: float = parameter(
        0.002,
        "Other illness with the same symptoms",
        unit="people/person/day",
        low=0.0,
        high=0.2,
        source="OpenABM-Covid19: 0.002",
    )
    order_delay: float = parameter(
        1.0,
        "Mean time from symptoms to the test",
        unit="days",
        low=0.0,
        high=14.0,
        source="OpenABM-Covid19: 1",
    )
    result_delay: float = parameter(
        1.0,
        "Mean time from test to result",
        unit="days",
        low=0.0,
        high=14.0,
        source="OpenABM-Covid19: 1",
    )
    sensitivity: tuple[float, ...] = parameter(
        (
            *(0.0, 0.0, 0.1, 0.2, 0.33, 0.62, 0.7, 0.76, 0.8, 0.79, 0.75, 0.71),
            *(0.68, 0.64, 0.6, 0.56, 0.53, 0.49, 0.45, 0.41, 0.38, 0.34),
        ),
        "Probability of a positive result by days since infection",
        unit="1",
        low=0.0,
        high=1.0,
        source="Kucirka 2020: day 1 0, 4 0.33, 5 0.62, 8 0.80, 9 0.79, 21 0.34",
    )
    specificity: float = parameter(
        0.999,
        "Probability of a negative result of somebody not infected",
        unit="1",
        low=0.0,
        high=1.0,
        source="OpenABM-Covid19: 0.999",
    )
    capacity: float = parameter(
        1.0,
        "Tests a day for each person, at most; the rest waits",
        unit="tests/person",
        low=0.0,
        high=10.0,
        source="user; 1 for no limit",
    )


@dataclass(frozen=True, slots=True)
class IsolationParameters:
    """Who stays at home, for how long, and how strictly."""

    on_symptoms: float = parameter(
        0.6,
        "Probability of staying at home with symptoms",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption; 0.43 to 0.52 in a survey, Smith 2021, BMJ 372:n608, UK",
    )
    on_positive: float = parameter(
        0.9,
        "Probability of staying at home after a positive test",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption; OpenABM-Covid19: 1",
    )
    household: float = parameter(
        0.5,
        "Probability that a household member of a positive stays at home",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption; OpenABM-Covid19: all or none",
    )
    household_of_contacts: float = parameter(
        0.0,
        "Probability that a household member of a contact in quarantine stays as well",
        unit="1",
        low=0.0,
        high=1.0,
        source="user; OpenABM-Covid19: quarantine_household_on_traced",
    )
    length: int = parameter(
        10,
        "Time at home after a positive test or symptoms",
        unit="days",
        low=1,
        high=60,
        source="France and UK, 2020: 7 to 14",
    )
    quarantine_length: int = parameter(
        14,
        "Time at home of contacts, from the last exposure; of households, the result",
        unit="days",
        low=1,
        high=60,
        source="WHO 2020: 14",
    )
    drop_out: float = parameter(
        0.03,
        "Probability of giving up, each day",
        unit="1/day",
        low=0.0,
        high=1.0,
        source="OpenABM-Covid19: 0.01 to 0.04",
    )
    smart_release: int = parameter(
        0,
        "Day after the exposure from which a negative test ends quarantine; 0 for none",
        unit="days",
        low=0,
        high=60,
        source="user",
    )


@dataclass(frozen=True, slots=True)
class TracingParameters:
    """Tracing by people."""

    capacity: float = parameter(
        0.0,
        "Cases interviewed a day for each person; 0 for no manual tracing",
        unit="cases/person/day",
        low=0.0,
        high=1.0,
        source="user",
    )
    window: int = parameter(
        5,
        "Days before the interview whose contacts are asked for",
        unit="days",
        low=1,
        high=14,
        source="ECDC 2020: 2 days before symptoms",
    )
    recall: tuple[float, ...] = parameter(
        (1.0, 0.8, 0.8, 0.8, 0.05),
        "Probability of naming a contact: household, school, work, care, community",
        unit="1",
        low=0.0,
        high=1.0,
        source="OpenABM-Covid19: 1, 0.8, 0.05",
    )
    delay: float = parameter(
        1.0,
        "Mean time from result to the contact being reached",
        unit="days",
        low=0.0,
        high=14.0,
        source="assumption",
    )
    compliance: float = parameter(
        0.8,
        "Probability that a contact stays at home",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption; OpenABM-Covid19: 0.9",
    )


@dataclass(frozen=True, slots=True)
class Closure:
    """Fewer contacts of a layer for some time."""

    layer: str = parameter(
        "community", "Which contacts", unit="", choices=LAYERS, source="user"
    )
    factor: float = parameter(
        0.5,
        "Share of contacts that remains",
        unit="1",
        low=0.0,
        high=1.0,
        source="user",
    )
    start: int = parameter(
        0, "First day", unit="days", low=0, high=100_000, source="user"
    )
    stop: int = parameter(
        100_000, "Day after the last", unit="days", low=0, high=100_000, source="user"
    )
    trigger: float = parameter(
        0.0,
        "Positive tests a day for each 100,000 people that start it; 0 for the day",
        unit="cases",
        low=0.0,
        high=100_000.0,
        source="user",
    )
