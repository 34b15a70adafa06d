"""The exposure-notification app: who has it, what it hears, how warnings travel."""

from dataclasses import dataclass

from cosignal.simulator.parameters.declaration import parameter


@dataclass(frozen=True, slots=True)
class AppParameters:
    """Everything between a positive test and somebody who stays at home."""

    adoption: float = parameter(
        0.0,
        "Share of all people with the app, once all have installed it",
        unit="1",
        low=0.0,
        high=1.0,
        symbol="p",
        source="Wymant 2021: 0.28 in England and Wales",
    )
    by_age: tuple[float, ...] = parameter(
        (0.09, 0.80, 0.97, 0.96, 0.94, 0.86, 0.70, 0.48, 0.32),
        "Share with a smartphone, by decade of age; adoption is spread in proportion",
        unit="1",
        low=0.0,
        high=1.0,
        source="OFCOM via OpenABM-Covid19",
    )
    clustering: float = parameter(
        0.3,
        "Correlation of adoption within a household",
        unit="1",
        low=0.0,
        high=1.0,
        symbol="rho",
        source="assumption",
    )
    regional_spread: float = parameter(
        0.0,
        "Standard deviation of the logarithm of a region's weight in adoption",
        unit="1",
        low=0.0,
        high=3.0,
        source="user",
    )
    start: int = parameter(
        0,
        "Day on which the app appears",
        unit="days",
        low=0,
        high=100_000,
        source="user",
    )
    ramp: int = parameter(
        0,
        "Days over which people install it",
        unit="days",
        low=0,
        high=1000,
        source="user",
    )
    uninstall: float = parameter(
        0.0,
        "Probability of removing it, each day",
        unit="1/day",
        low=0.0,
        high=1.0,
        source="user",
    )
    off: float = parameter(
        0.05,
        "Probability that a phone is off or without Bluetooth on a day",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption",
    )
    detection: float = parameter(
        0.8,
        "Probability that two phones hear each other in a contact near and long enough",
        unit="1",
        low=0.0,
        high=1.0,
        source="OpenABM-Covid19: 0.8; Leith and Farrell 2020: 0.05 to 0.5 in vehicles",
    )
    false_sightings: float = parameter(
        0.05,
        "Strangers, heard through walls, that count, a day",
        unit="people/day",
        low=0.0,
        high=100.0,
        source="assumption; Leith and Farrell 2020: 0.5 in a tram",
    )
    reference_loss: float = parameter(
        55.0,
        "Attenuation at 1 m",
        unit="dB",
        low=20.0,
        high=100.0,
        source="abesim, BLE model; GAEN thresholds 55 to 63 dB for 2 m",
    )
    loss_exponent: float = parameter(
        2.0,
        "How attenuation grows with distance: 10 n log10(d)",
        unit="1",
        low=0.5,
        high=6.0,
        source="free space: 2",
    )
    loss_spread: float = parameter(
        6.0,
        "Standard deviation of attenuation, bodies and walls",
        unit="dB",
        low=0.0,
        high=30.0,
        source="Leith and Farrell 2020, order of size",
    )
    thresholds: tuple[float, ...] = parameter(
        (55.0, 63.0, 70.0),
        "Attenuation buckets: immediate, near, medium",
        unit="dB",
        low=0.0,
        high=255.0,
        source="Cosignal, exposure configuration",
    )
    weights: tuple[float, ...] = parameter(
        (1.5, 1.0, 0.5, 0.0),
        "Weights of the buckets and of the rest",
        unit="1",
        low=0.0,
        high=2.5,
        source="Cosignal, exposure configuration",
    )
    infectiousness_days: tuple[int, ...] = parameter(
        (-5, -2, 4, 10),
        "Days since onset at which a key becomes standard, high, standard, none",
        unit="days",
        low=-14,
        high=15,
        source="NHS COVID-19 app, default table",
    )
    infectiousness_weights: tuple[float, ...] = parameter(
        (1.0, 1.0),
        "Weights of standard and high infectiousness",
        unit="1",
        low=0.0,
        high=2.5,
        source="Cosignal, exposure configuration",
    )
    alert_minutes: float = parameter(
        15.0,
        "Weighted minutes of a contact that raise an alert",
        unit="minutes",
        low=0.0,
        high=1440.0,
        source="Cosignal, exposure configuration: 900 s",
    )
    window: int = parameter(
        7,
        "Days of keys that are published",
        unit="days",
        low=1,
        high=14,
        source="GAEN keeps 14; Leng 2022 compares 2 and 5",
    )
    backward_window: int = parameter(
        0,
        "More days, before the first infectious one, whose contacts may be the source",
        unit="days",
        low=0,
        high=14,
        source="user",
    )
    consent: float = parameter(
        0.6,
        "Probability that a user publishes, once an illness",
        unit="1",
        low=0.0,
        high=1.0,
        source="Menges 2021, Zurich: 324 of 537; Wymant 2021: 0.72",
    )
    code_delay: float = parameter(
        0.5,
        "Mean time from result to upload",
        unit="days",
        low=0.0,
        high=14.0,
        source="assumption: up to a day",
    )
    publish_delay: float = parameter(
        2.0,
        "Time from upload to a certified block",
        unit="hours",
        low=0.0,
        high=48.0,
        source="Cosignal: a block an hour, keys held for 2 h",
    )
    poll_interval: float = parameter(
        4.0,
        "Time between two downloads",
        unit="hours",
        low=0.1,
        high=48.0,
        source="GAEN: at most 6 a day",
    )
    compliance: float = parameter(
        0.55,
        "Probability that an alerted person stays at home; one draw an episode",
        unit="1",
        low=0.0,
        high=1.0,
        source="Segal 2021: 0.53 to 0.64 effective",
    )
    fatigue: float = parameter(
        0.0,
        "Share by which compliance falls with each earlier episode of alerts (14 days)",
        unit="1",
        low=0.0,
        high=1.0,
        source="user",
    )
    test_on_alert: float = parameter(
        0.3,
        "Probability that an alerted person orders a test; one draw an episode",
        unit="1",
        low=0.0,
        high=1.0,
        source="assumption",
    )
    second_order: bool = parameter(
        False,  # noqa: FBT003 - a default
        "Whether those whom the alerted met after their exposure are alerted as well",
        unit="",
        source="OpenABM-Covid19: tracing_network_depth",
    )
    on_symptoms: bool = parameter(
        False,  # noqa: FBT003 - a default
        "Whether symptoms alone allow an upload",
        unit="",
        source="OpenABM-Covid19: trace_on_symptoms",
    )
