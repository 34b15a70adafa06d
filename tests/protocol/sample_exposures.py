"""A published key, and phones that hear it: the material of the exposure tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from hypothesis import strategies as st

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.metadata import Metadata
from cosignal.protocol.exposure.sightings import Sighting
from cosignal.protocol.identifiers import (
    associated_encrypted_metadata_key,
    encrypt_metadata,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.intervals import DAY_INTERVALS, interval_at, unix_at

#: 2025-11-24 00:00 UTC, as an interval, as Unix seconds and as a day.
TODAY = 2_939_904
MIDNIGHT = unix_at(TODAY)
DAY = MIDNIGHT // 86400
NOON = MIDNIGHT + 43_200

DEFAULT = ExposureConfiguration()
#: Any attenuation, class and report type weighs 1, so that scores are plain seconds.
PLAIN = ExposureConfiguration(
    attenuation_weights=(100, 100, 100, 100),
    infectiousness_weights=(100, 100, 100),
    report_type_weights=(100,) * 6,
)


def diagnosis_key(
    *,
    data: bytes = bytes(range(16)),
    start: int = TODAY,
    period: int = DAY_INTERVALS,
    report_type: ReportType = ReportType.CONFIRMED_TEST,
    infectiousness: Infectiousness = Infectiousness.STANDARD,
    onset: int | None = None,
) -> DiagnosisKey:
    return DiagnosisKey(data, start, period, report_type, infectiousness, onset)


KEY = diagnosis_key()


@cache
def identifier_of(data: bytes, interval: int) -> bytes:
    rpik = rolling_proximity_identifier_key(data)
    return rolling_proximity_identifier(rpik, interval)


def heard(
    time: int,
    *,
    rssi: int = -70,
    tx_power: int = -10,
    confidence: int = 0,
    previous: int | None = None,
    interval: int | None = None,
    key: DiagnosisKey = KEY,
) -> Sighting:
    """Attenuation is 60 dB unless told otherwise; the clocks of both phones agree."""
    interval = interval_at(time) if interval is None else interval
    identifier = identifier_of(key.data, interval)
    aemk = associated_encrypted_metadata_key(key.data)
    metadata = Metadata(tx_power, confidence).encode()
    encrypted = encrypt_metadata(aemk, identifier, metadata)
    return Sighting(time, rssi, identifier, encrypted, previous)


def steadily(
    start: int, scans: int, *, every: int = 300, rssi: int = -70
) -> list[Sighting]:
    """One sighting in each of several scans; only the first has none before it."""
    times = [start + every * number for number in range(scans)]
    return [
        heard(time, rssi=rssi, previous=time - every if number else None)
        for number, time in enumerate(times)
    ]


@dataclass(frozen=True)
class Encounter:
    """What hypothesis draws: a key and what was heard of it and of others."""

    key: DiagnosisKey
    sightings: Sequence[Sighting]


#: Distances in seconds at which one rule or another changes its mind; within a scan
#: twice, as most sightings are.
_STEPS = [
    *[0, 1, 4, 25, 26] * 2,
    *[60, 150, 151, 299, 300, 600, 601, 1200, 1201, 1800, 7300],
]
_KEYS = [bytes([number]) * 16 for number in range(3)]


def keys() -> st.SearchStrategy[DiagnosisKey]:
    return st.builds(
        diagnosis_key,
        data=st.sampled_from(_KEYS),
        start=st.sampled_from([TODAY, TODAY - 6, TODAY + 130]),
        period=st.sampled_from([1, 2, 20]),
        report_type=st.sampled_from(ReportType),
        infectiousness=st.sampled_from(Infectiousness),
        onset=st.sampled_from([None, -15, -14, -3, 0, 14, 15]),
    )


@st.composite
def encounters(draw: st.DrawFn) -> Encounter:
    """Sightings near every edge: of time, of power, of strength, of the key itself."""
    key = draw(keys())
    time = unix_at(key.start) + draw(st.sampled_from([0, 1, -7200, -7201, 3000]))
    sightings: list[Sighting] = []
    for _ in range(draw(st.integers(0, 12))):
        time += draw(st.sampled_from(_STEPS))
        sightings.append(draw(_sightings(key, time)))
    return Encounter(key, draw(st.permutations(sightings)))


def _sightings(key: DiagnosisKey, time: int) -> st.SearchStrategy[Sighting]:
    last = key.start + key.period - 1
    own = min(max(interval_at(time), key.start), last)
    return st.builds(
        heard,
        st.just(time),
        rssi=st.sampled_from([-127, -90, -81, -80, -70, -65, -64, 0, 20, 126]),
        tx_power=st.sampled_from([-10, -9, -10, 0, -50, 20, -51, 21]),
        confidence=st.integers(0, 3),
        previous=st.sampled_from(
            [None, 0, time, time + 1, time - 59, time - 60, time - 301, time - 4000]
        ),
        interval=st.sampled_from(
            [own, own, own, own, key.start, last, last + 1, key.start - 1]
        ),
        key=st.sampled_from([key, key, key, key, key, diagnosis_key(data=_KEYS[0])]),
    )


def configurations() -> st.SearchStrategy[ExposureConfiguration]:
    weights = st.integers(0, 250)
    return st.builds(
        ExposureConfiguration,
        attenuation_thresholds=st.sampled_from(
            [(55, 63, 70), (0, 1, 255), (60, 61, 71)]
        ),
        attenuation_weights=st.tuples(*[weights] * 4),
        infectiousness_weights=st.tuples(*[weights] * 3),
        report_type_weights=st.tuples(*[weights] * 6),
        report_type_when_missing=st.sampled_from(
            [ReportType.CONFIRMED_TEST, ReportType.SELF_REPORT]
        ),
        infectiousness_when_missing=st.sampled_from(Infectiousness),
        minimum_window_score=st.sampled_from([0, 0, 1, 120, 600]),
        days_since_exposure=st.sampled_from([0, 1, 14]),
        calibration_confidence=st.sampled_from([0, 0, 2]),
        minimum_risk_score=st.sampled_from([0, 4, 256, 4096]),
        attenuation_scores=st.tuples(*[st.integers(0, 8)] * 8),
        days_scores=st.tuples(*[st.integers(0, 8)] * 8),
        duration_scores=st.tuples(*[st.integers(0, 8)] * 8),
        transmission_scores=st.tuples(*[st.integers(0, 8)] * 8),
        duration_thresholds=st.sampled_from([(50, 74), (0, 60), (60, 61)]),
    )
