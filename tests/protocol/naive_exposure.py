"""Exposure windows, summaries and scores a second time, in floating point.

Written along Google's description: one pass over all identifiers, one over all scans,
weights as fractions. It reads the types of `cosignal` and calls nothing of it.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.sightings import Sighting
from tests.protocol import naive_identifiers

Window = dict[str, Any]
#: Time, attenuation, confidence, previous scan.
Heard = tuple[int, int, int, int | None]
#: Date, seconds, attenuation, three times, score.
Exposure = tuple[int, int, int, tuple[int, int, int], int]

NAMES = ("unknown", "test", "clinical", "self-report", "recursive", "revoked")


@cache
def identifier(tek: bytes, interval: int) -> bytes:
    return naive_identifiers.identifier(tek, interval)


@cache
def key_stream(tek: bytes, interval: int) -> bytes:
    return naive_identifiers.encrypted_metadata(tek, interval, bytes(4))


def java_round(value: float) -> int:
    return math.floor(value + 0.5)


def valid_sightings(
    key: DiagnosisKey, sightings: Sequence[Sighting], *, aggregate: bool
) -> list[Heard]:
    found: list[Heard] = []
    for interval in range(key.start, key.start + key.period):
        mine = [s for s in sightings if s.identifier == identifier(key.data, interval)]
        mine = [s for s in mine if interval - 12 <= s.time // 600 < interval + 13]
        mine.sort(
            key=lambda s: (s.time, s.rssi, s.previous_scan or 0, s.encrypted_metadata)
        )
        mine = [s for s in mine if s.time <= mine[0].time + 20 * 60]
        if aggregate:
            best: list[Sighting] = []
            last = -math.inf
            for s in mine:
                if s.time - last > 1.5 * (4 + 13):
                    best.append(s)
                elif s.rssi > best[-1].rssi:
                    best[-1] = s
                last = s.time
            mine = best
        for s in mine:
            stream = key_stream(key.data, interval)
            first, power = (s.encrypted_metadata[i] ^ stream[i] for i in (0, 1))
            power = power - 256 if power > 127 else power
            if power < -50 or power > 20:
                continue
            loss = power - s.rssi if power > s.rssi else 0
            found.append((s.time, loss, (first & 12) // 4, s.previous_scan))
    return sorted(found, key=lambda item: item[0])


def since_last(time: int, previous: int | None) -> int:
    if previous is None or previous == 0 or previous > time:
        return 120
    return min(5, time // 60 - previous // 60) * 60


def windows(
    key: DiagnosisKey,
    sightings: Sequence[Sighting],
    configuration: ExposureConfiguration,
) -> list[Window]:
    if key.report_type == 4:
        return []
    if not valid_sightings(key, sightings, aggregate=True):
        return []
    done: list[Window] = []
    last_time = 0
    for time, loss, confidence, previous in valid_sightings(
        key, sightings, aggregate=False
    ):
        if not done or time - done[-1]["time"] >= 30 * 60:
            done.append({"time": time, "confidence": confidence, "scans": []})
        scans = done[-1]["scans"]
        if scans and time - last_time <= 25.5:
            scans[-1]["all"].append(loss)
        else:
            scans.append({"all": [loss], "seconds": since_last(time, previous)})
        last_time = time
    kind = int(key.report_type) or int(configuration.report_type_when_missing)
    return [
        {**window, "type": kind, "class": level(key, configuration)} for window in done
    ]


def level(key: DiagnosisKey, configuration: ExposureConfiguration) -> int:
    if key.onset is None:
        return int(key.infectiousness)
    if -14 <= key.onset <= 14:
        return int(configuration.infectiousness_by_onset[14 + key.onset])
    return int(configuration.infectiousness_when_missing)


def typical(scan: Window) -> int:
    return java_round(sum(scan["all"]) / len(scan["all"]))


def duration(window: Window, configuration: ExposureConfiguration) -> float:
    seconds = [0, 0, 0, 0]
    immediate, near, medium = configuration.attenuation_thresholds
    for scan in window["scans"]:
        loss = typical(scan)
        if loss <= immediate:
            place = 0
        elif loss <= near:
            place = 1
        elif loss <= medium:
            place = 2
        else:
            place = 3
        seconds[place] += scan["seconds"]
    return math.fsum(
        part * weight / 100
        for part, weight in zip(seconds, configuration.attenuation_weights, strict=True)
    )


def summaries(
    all_windows: list[Window], configuration: ExposureConfiguration, now: int
) -> dict[int, list[list[float]]]:
    """Sum, maximum and duration by day: one row for each report type, and the total."""
    days: dict[int, list[Window]] = defaultdict(list)
    for window in all_windows:
        day = window["time"] // 86400
        limit = configuration.days_since_exposure
        if NAMES[window["type"]] in ("unknown", "revoked"):
            continue
        if limit and now // 86400 - day > limit:
            continue
        if window["confidence"] < configuration.calibration_confidence:
            continue
        days[day].append(window)
    return {day: rows(found, configuration) for day, found in days.items()}


def rows(
    found: list[Window], configuration: ExposureConfiguration
) -> list[list[float]]:
    table = [[0.0, 0.0, 0.0] for _ in range(7)]
    for window in found:
        seconds = duration(window, configuration)
        score = (
            seconds
            * (configuration.report_type_weights[window["type"]] / 100)
            * (configuration.infectiousness_weights[window["class"]] / 100)
        )
        # Exact comparison is ours; a float may lie a rounding beside the minimum.
        if score < configuration.minimum_window_score - 1e-9:
            continue
        for row in (table[window["type"]], table[6]):
            row[0] += score
            row[1] = max(row[1], score)
            row[2] += seconds
    return table


def exposures(
    key: DiagnosisKey,
    sightings: Sequence[Sighting],
    configuration: ExposureConfiguration,
    now: int,
    risk_level: int,
) -> list[Exposure]:
    if key.report_type >= 4:
        return []
    found = valid_sightings(key, sightings, aggregate=True)
    done, begin = [], 0
    for place, (time, *_) in enumerate(found):
        if place + 1 < len(found) and found[place + 1][0] - time <= 10 * 60:
            continue
        done.append(
            exposure(key, found[begin : place + 1], configuration, now, risk_level)
        )
        begin = place + 1
    return done


def exposure(
    key: DiagnosisKey,
    found: list[Heard],
    configuration: ExposureConfiguration,
    now: int,
    risk_level: int,
) -> Exposure:
    points = [(time, loss) for time, loss, *_ in found]
    points.insert(0, (points[0][0] - 150, points[0][1]))
    points.append((points[-1][0] + 150, points[-1][1]))
    periods, previous = [], points[0]
    for point in points:
        if point[0] != previous[0]:
            periods.append((point[0] - previous[0], previous[1]))
            previous = point
    low, high = configuration.duration_thresholds
    below = sum(length for length, loss in periods if not loss >= low)
    above = sum(length for length, loss in periods if loss >= high)
    total = sum(length for length, _ in periods)
    mean = java_round(sum(length * loss for length, loss in periods) / total)
    # 5 minutes more, to the nearest 5 minutes, a half to the lower.
    steps = math.ceil((found[-1][0] - found[0][0]) / 300 - 0.5) + 1
    seconds = 300 * steps
    age = (now - key.start * 600) // 86400
    score = (
        configuration.attenuation_scores[
            first(lambda b: mean > b, (73, 63, 51, 33, 27, 15, 10))
        ]
        * configuration.days_scores[first(lambda b: age >= b, (14, 12, 10, 8, 6, 4, 2))]
        * configuration.duration_scores[
            first(lambda b: seconds // 60 <= b, (0, 5, 10, 15, 20, 25, 30))
        ]
        * (1 if risk_level == 0 else configuration.transmission_scores[risk_level - 1])
    )
    if score < configuration.minimum_risk_score:
        score = 0
    return (
        key.start * 600,
        seconds,
        mean,
        (below, total - below - above, above),
        score,
    )


def first(condition: Callable[[int], bool], bounds: tuple[int, ...]) -> int:
    for place, bound in enumerate(bounds):
        if condition(bound):
            return place
    return len(bounds)
