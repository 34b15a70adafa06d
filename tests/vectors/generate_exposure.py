"""Writes the vectors of exposure windows, summaries and scores.

    python -m tests.vectors.generate_exposure

One phone hears eight people, some of them relayed, forged or late. Our implementation
writes what that comes to under two configurations; the tests check it with a second one
that computes in floating point (`tests/protocol/naive_exposure.py`). Change the file
only with the rules.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.metadata import Metadata
from cosignal.protocol.exposure.scores import key_exposures, summarize_exposures
from cosignal.protocol.exposure.sightings import Sighting
from cosignal.protocol.exposure.summaries import (
    DailySummary,
    SummaryData,
    alert_days,
    daily_summaries,
)
from cosignal.protocol.exposure.windows import ExposureWindow, exposure_windows
from cosignal.protocol.identifiers import (
    associated_encrypted_metadata_key,
    encrypt_metadata,
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.intervals import interval_at, unix_at

FILE = Path(__file__).parent / "exposure.json"
TODAY = 2_939_904
#: A little after the midnight that ends the day after.
NOW = unix_at(TODAY + 2 * 144) + 300

#: Start, period, report type, class and onset of each person's key.
PEOPLE = [
    (TODAY, 144, ReportType.CONFIRMED_TEST, Infectiousness.HIGH, None),
    (TODAY, 144, ReportType.CONFIRMED_CLINICAL_DIAGNOSIS, Infectiousness.HIGH, 8),
    (TODAY, 144, ReportType.SELF_REPORT, Infectiousness.STANDARD, -14),
    (TODAY, 144, ReportType.UNKNOWN, Infectiousness.HIGH, None),
    (TODAY + 100, 44, ReportType.CONFIRMED_TEST, Infectiousness.NONE, None),
    (TODAY, 144, ReportType.REVOKED, Infectiousness.HIGH, None),
    (TODAY, 144, ReportType.RECURSIVE, Infectiousness.HIGH, None),
    (TODAY - 144, 144, ReportType.CONFIRMED_TEST, Infectiousness.HIGH, 14),
]
CONFIGURATIONS = [
    ExposureConfiguration(),
    ExposureConfiguration(
        attenuation_thresholds=(40, 60, 61),
        attenuation_weights=(250, 133, 77, 11),
        infectiousness_weights=(3, 97, 211),
        report_type_weights=(0, 101, 83, 59, 0, 0),
        report_type_when_missing=ReportType.SELF_REPORT,
        minimum_window_score=100,
        days_since_exposure=2,
        calibration_confidence=1,
        alert_day_score=1000,
        minimum_risk_score=60,
        attenuation_scores=(1, 2, 3, 4, 5, 6, 7, 8),
        days_scores=(1, 2, 3, 4, 5, 6, 7, 8),
        duration_scores=(1, 2, 3, 4, 5, 6, 7, 8),
        transmission_scores=(8, 7, 6, 5, 4, 3, 2, 1),
        duration_thresholds=(50, 61),
    ),
]
STEPS = (2, 9, 25, 26, 120, 240, 299, 300, 301, 600, 601, 1201)


def drawn(name: str, size: int) -> bytes:
    return hashlib.shake_256(f"cosignal exposure {name}".encode()).digest(size)


def keys() -> list[DiagnosisKey]:
    return [
        DiagnosisKey(drawn(f"tek {number}", 16), *person)
        for number, person in enumerate(PEOPLE)
    ]


def sightings() -> list[Sighting]:
    return [one for number, key in enumerate(keys()) for one in meeting(number, key)]


def meeting(number: int, key: DiagnosisKey) -> Iterator[Sighting]:
    """Sixteen sightings, from two hours before midnight for those whose key ends."""
    time = unix_at(key.end_interval) - 7200 if number % 2 else unix_at(key.start) + 50
    scan = None
    for count in range(16):
        step, loudness, power, kind, confidence = drawn(f"{number} {count}", 5)
        gap = STEPS[step % len(STEPS)]
        scan = time if gap > 25 else scan
        time += gap
        own = min(max(interval_at(time), key.start), key.end_interval - 1)
        # One in eight is what was broadcast up to an hour before.
        interval = max(own - confidence % 7, key.start) if kind % 8 == 0 else own
        # One in sixteen is forged.
        tx_power = 40 if kind % 16 == 1 else -20 + power % 16
        metadata = Metadata(tx_power, confidence % 4)
        previous = scan if kind % 5 else None
        yield heard(
            key,
            interval,
            time,
            -95 + loudness % 45,
            metadata=metadata,
            previous=previous,
        )


def heard(
    key: DiagnosisKey,
    interval: int,
    time: int,
    rssi: int,
    *,
    metadata: Metadata,
    previous: int | None,
) -> Sighting:
    rpik = rolling_proximity_identifier_key(key.data)
    rpi = rolling_proximity_identifier(rpik, interval)
    aemk = associated_encrypted_metadata_key(key.data)
    encrypted = encrypt_metadata(aemk, rpi, metadata.encode())
    return Sighting(time, rssi, rpi, encrypted, previous)


def build() -> dict[str, Any]:
    return {
        "now": NOW,
        "keys": [key_fields(key) for key in keys()],
        "sightings": [
            [
                one.time,
                one.rssi,
                one.identifier.hex(),
                one.encrypted_metadata.hex(),
                one.previous_scan,
            ]
            for one in sightings()
        ],
        "results": [results(configuration) for configuration in CONFIGURATIONS],
    }


def key_fields(key: DiagnosisKey) -> dict[str, Any]:
    return {
        "tek": key.data.hex(),
        "start": key.start,
        "period": key.period,
        "report_type": int(key.report_type),
        "infectiousness": int(key.infectiousness),
        "onset": key.onset,
    }


def results(configuration: ExposureConfiguration) -> dict[str, Any]:
    """Everything a phone computes; keys have transmission risk levels 0 to 7."""
    all_heard = sightings()
    windows = [exposure_windows(key, all_heard, configuration) for key in keys()]
    exposures = [
        key_exposures(
            key, all_heard, configuration, NOW, transmission_risk_level=number
        )
        for number, key in enumerate(keys())
    ]
    summaries = daily_summaries(
        [window for of_key in windows for window in of_key], configuration, NOW
    )
    summary = summarize_exposures(exposures, NOW)
    return {
        "configuration": configuration.text(),
        "windows": [[window_fields(one) for one in of_key] for of_key in windows],
        "summaries": [summary_fields(one) for one in summaries],
        "alert_days": list(alert_days(summaries, configuration)),
        "exposures": [
            [
                [
                    one.date,
                    one.duration_seconds,
                    one.attenuation,
                    list(one.attenuation_seconds),
                    one.risk_score,
                ]
                for one in of_key
            ]
            for of_key in exposures
        ],
        "exposure_summary": {
            "matched_key_count": summary.matched_key_count,
            "days_since_last_exposure": summary.days_since_last_exposure,
            "maximum_risk_score": summary.maximum_risk_score,
            "summation_risk_score": summary.summation_risk_score,
            "attenuation_minutes": list(summary.attenuation_minutes),
        },
    }


def window_fields(window: ExposureWindow) -> dict[str, Any]:
    return {
        "time": window.time,
        "report_type": int(window.report_type),
        "infectiousness": int(window.infectiousness),
        "calibration_confidence": window.calibration_confidence,
        "scans": [
            [
                scan.typical_attenuation,
                scan.minimum_attenuation,
                scan.seconds_since_last_scan,
            ]
            for scan in window.scans
        ],
    }


def summary_fields(summary: DailySummary) -> dict[str, Any]:
    return {
        "day": summary.day,
        "by_report_type": [data_fields(data) for data in summary.by_report_type],
        "total": data_fields(summary.total),
    }


def data_fields(data: SummaryData) -> list[int]:
    """Sum and maximum in millionths, duration in hundredths of weighted seconds."""
    return [
        data.score_sum_millionths,
        data.maximum_score_millionths,
        data.weighted_duration_hundredths,
    ]


def encoded() -> str:
    """One line for each sighting, window and row of numbers."""
    text = json.dumps(build(), indent=1)
    return _on_one_line(text) + "\n"


def _on_one_line(text: str) -> str:
    """Join lists that hold no list or object."""
    lines: list[str] = []
    row: list[str] = []
    for line in text.split("\n"):
        opens, closes = line.endswith("["), line.strip() in {"]", "],"}
        if opens or line.endswith("{"):
            lines += row
            row = [line] if opens else []
            lines += [] if opens else [line]
        elif row:
            row.append(line.strip())
            if closes:
                lines.append(_joined(row))
                row = []
        else:
            lines.append(line)
    return "\n".join(lines)


def _joined(row: list[str]) -> str:
    first, *values, last = row
    return first + " ".join(values) + last


if __name__ == "__main__":
    FILE.write_text(encoded())
