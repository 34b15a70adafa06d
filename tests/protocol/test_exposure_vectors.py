"""The project's own exposure vectors, checked by a second implementation."""

import json
from pathlib import Path
from typing import Any

import pytest

from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.exposure.configuration import parse_configuration
from cosignal.protocol.exposure.sightings import Sighting
from tests.protocol import naive_exposure
from tests.vectors import generate_exposure

FILE = Path(__file__).parents[1] / "vectors" / "exposure.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_bytes())
NOW: int = VECTORS["now"]
KEYS = [
    DiagnosisKey(
        bytes.fromhex(key["tek"]),
        key["start"],
        key["period"],
        ReportType(key["report_type"]),
        Infectiousness(key["infectiousness"]),
        key["onset"],
    )
    for key in VECTORS["keys"]
]
SIGHTINGS = [
    Sighting(time, rssi, bytes.fromhex(rpi), bytes.fromhex(aem), previous)
    for time, rssi, rpi, aem, previous in VECTORS["sightings"]
]
RESULTS = pytest.mark.parametrize(
    "results", VECTORS["results"], ids=["first", "second"]
)


def test_the_file_is_the_one_that_the_generator_writes() -> None:
    assert FILE.read_text() == generate_exposure.encoded()
    assert json.loads(json.dumps(generate_exposure.build())) == VECTORS


@RESULTS
def test_windows_and_summaries_are_those_of_the_file(results: dict[str, Any]) -> None:
    configuration = parse_configuration(results["configuration"])
    found = [naive_exposure.windows(key, SIGHTINGS, configuration) for key in KEYS]

    assert results["windows"] == [
        [
            {
                "time": one["time"],
                "report_type": one["type"],
                "infectiousness": one["class"],
                "calibration_confidence": one["confidence"],
                "scans": [
                    [naive_exposure.typical(scan), min(scan["all"]), scan["seconds"]]
                    for scan in one["scans"]
                ],
            }
            for one in of_key
        ]
        for of_key in found
    ]
    days = naive_exposure.summaries(
        [one for of_key in found for one in of_key], configuration, NOW
    )
    assert sorted(days) == [summary["day"] for summary in results["summaries"]]
    for summary in results["summaries"]:
        rows = [*summary["by_report_type"], summary["total"]]
        for (score, highest, duration), expected in zip(
            rows, days[summary["day"]], strict=True
        ):
            scaled = [score / 10**6, highest / 10**6, duration / 100]

            assert pytest.approx(expected, rel=1e-12, abs=1e-9) == scaled
    assert results["alert_days"] == [
        day
        for day, rows in sorted(days.items())
        if rows[6][0] >= configuration.alert_day_score
    ]


@RESULTS
def test_exposures_and_their_summary_are_those_of_the_file(
    results: dict[str, Any],
) -> None:
    configuration = parse_configuration(results["configuration"])

    found = [
        naive_exposure.exposures(key, SIGHTINGS, configuration, NOW, level)
        for level, key in enumerate(KEYS)
    ]

    assert results["exposures"] == json.loads(json.dumps(found))
    flat = [one for of_key in found for one in of_key]
    assert results["exposure_summary"] == {
        "matched_key_count": sum(1 for of_key in found if of_key),
        "days_since_last_exposure": NOW // 86400 - max(one[0] for one in flat) // 86400,
        "maximum_risk_score": max(one[4] for one in flat),
        "summation_risk_score": sum(one[4] for one in flat),
        "attenuation_minutes": [
            min(30, sum(one[3][place] for one in flat) // 60) for place in range(3)
        ],
    }


def test_the_vectors_hold_what_the_rules_are_about() -> None:
    first, second = VECTORS["results"]
    windows = [one for of_key in first["windows"] for one in of_key]
    kept = [len(of_key) for of_key in first["windows"]]

    assert kept[6] == 0, "a recursive key"
    assert {one["report_type"] for one in windows} == {1, 2, 3, 5}
    assert {one["infectiousness"] for one in windows} == {0, 1, 2}
    assert len({one["calibration_confidence"] for one in windows}) > 1
    assert any(
        typical > lowest for one in windows for typical, lowest, _ in one["scans"]
    )
    assert first["alert_days"] == second["alert_days"] == [NOW // 86400 - 2]
    assert len(first["summaries"]) == 2
