"""The parameters by which every phone of a network weighs its encounters.

What this module guarantees:

* One configuration, one text: `parse_configuration` accepts only what
  `ExposureConfiguration.text` writes, so that a signature covers one meaning.
* Ranges are those of Exposure Notification; weights are whole hundredths, because two
  phones must never differ by a rounding.

The text stands in a record on the chain (`record_kinds`); what the parameters do is in
the modules beside this one.

Source: Exposure Notification, DailySummariesConfig, DiagnosisKeysDataMapping and
ExposureConfiguration; docs/reference/protocol.md, "Exposure configuration".
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

from cosignal.protocol.diagnosis_keys import (
    DEFAULT_INFECTIOUSNESS,
    MAX_ONSET_DAYS,
    Infectiousness,
    ReportType,
)
from cosignal.protocol.errors import MalformedError, UsageError

#: A weight of 1, as it is written.
WEIGHT_ONE: Final = 100
MAX_WEIGHT: Final = 250
MAX_ATTENUATION: Final = 255
MAX_SCORE: Final = 8
#: The highest product of four scores.
MAX_RISK_SCORE: Final = 4096
#: Weighted seconds of a day on which every scan of every window counts in full.
MAX_DAY_SCORE: Final = 10_000_000
MAX_DAYS: Final = 14
MAX_CONFIDENCE: Final = 3
BUCKETS: Final = 8

_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class ExposureConfiguration:
    """How encounters are weighed; the defaults are what a new network starts with.

    Attributes:
        attenuation_thresholds: Upper bounds, dB, of what counts as immediate, near and
            medium; the rest is other. Ascending, 0 to 255.
        attenuation_weights: Of immediate, near, medium and other, in hundredths up to
            250.
        infectiousness_weights: Of none, standard and high, in hundredths up to 250.
        report_type_weights: Of each `ReportType` in its order, in hundredths up to 250.
        report_type_when_missing: What an unknown report type counts as.
        infectiousness_by_onset: Class of each day from 14 before onset of symptoms to
            14 after, 29 of them; used where the network publishes days since onset.
        infectiousness_when_missing: Class of a key without either.
        minimum_window_score: Windows with a lower score are dropped, weighted seconds.
        days_since_exposure: Days older than this are dropped; 0 for none.
        calibration_confidence: Lowest confidence, 0 to 3, of a window that counts.
        alert_day_score: A day whose score sum reaches this raises an alert, weighted
            seconds.
        minimum_risk_score: Version 1: lower scores are 0; up to 4,096.
        attenuation_scores: Version 1: of each attenuation bucket, 0 to 8.
        days_scores: Version 1: of each bucket of days since exposure, 0 to 8.
        duration_scores: Version 1: of each duration bucket, 0 to 8.
        transmission_scores: Version 1: of each transmission risk level, 0 to 8.
        duration_thresholds: Version 1: attenuations, dB, between which time is counted.

    Raises:
        UsageError: A field is out of range; the message names it.
    """

    attenuation_thresholds: tuple[int, ...] = (55, 63, 70)
    attenuation_weights: tuple[int, ...] = (150, 100, 50, 0)
    infectiousness_weights: tuple[int, ...] = (0, 100, 100)
    report_type_weights: tuple[int, ...] = (0, 100, 100, 100, 0, 0)
    report_type_when_missing: ReportType = ReportType.CONFIRMED_TEST
    infectiousness_by_onset: tuple[Infectiousness, ...] = DEFAULT_INFECTIOUSNESS
    infectiousness_when_missing: Infectiousness = Infectiousness.STANDARD
    minimum_window_score: int = 0
    days_since_exposure: int = 14
    calibration_confidence: int = 0
    alert_day_score: int = 900
    minimum_risk_score: int = 4
    attenuation_scores: tuple[int, ...] = (4,) * BUCKETS
    days_scores: tuple[int, ...] = (4,) * BUCKETS
    duration_scores: tuple[int, ...] = (4,) * BUCKETS
    transmission_scores: tuple[int, ...] = (4,) * BUCKETS
    duration_thresholds: tuple[int, ...] = (50, 74)

    def __post_init__(self) -> None:
        """Refuse what no phone could weigh by."""
        for name, (count, highest) in _RANGES.items():
            _check(name, getattr(self, name), count, highest)
        for name in ("attenuation_thresholds", "duration_thresholds"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                raise UsageError(f"{name}: expected ascending values, got {values}")
        if self.report_type_when_missing not in _REPORTS_WHEN_MISSING:
            raise UsageError(
                "report_type_when_missing: expected a type that exposes somebody, "
                f"got {self.report_type_when_missing!r}"
            )
        if self.alert_day_score < 1:
            raise UsageError(
                "alert_day_score: expected 1 or more, got 0",
                advice="A score of 0 would warn everybody every day.",
            )

    def text(self) -> str:
        """Write one line for each parameter, in the order of the attributes."""
        return "".join(
            f"{_line_name(field.name)} {_written(getattr(self, field.name))}\n"
            for field in fields(self)
        )


def parse_configuration(text: str) -> ExposureConfiguration:
    """Read what `ExposureConfiguration.text` wrote.

    Args:
        text: All lines.

    Returns:
        The configuration.

    Raises:
        MalformedError: A line is missing, out of range or not in its one form.

    Source: docs/reference/protocol.md, "Exposure configuration".
    """
    names = [field.name for field in fields(ExposureConfiguration)]
    lines = text.split("\n")
    if len(lines) != len(names) + 1 or lines[-1]:
        raise MalformedError(
            f"configuration: expected {len(names)} lines, got {len(lines) - 1}"
        )
    values: dict[str, Any] = {}
    for name, line in zip(names, lines, strict=False):
        first, *words = line.split(" ")
        if first != _line_name(name) or not all(map(_NUMBER.fullmatch, words)):
            raise MalformedError(
                f"configuration: expected a line of {_line_name(name)} and numbers"
            )
        values[name] = _read(name, [int(word) for word in words])
    try:
        return ExposureConfiguration(**values)
    except UsageError as error:
        raise MalformedError(f"configuration: {error}") from None


def _line_name(name: str) -> str:
    return name.replace("_", "-")


def _written(value: int | tuple[int, ...]) -> str:
    numbers = value if isinstance(value, tuple) else (value,)
    return " ".join(str(int(number)) for number in numbers)


def _read(name: str, numbers: list[int]) -> int | tuple[int, ...]:
    count, _ = _RANGES[name]
    kind: Callable[[int], int] = _ENUMS.get(name, int)
    try:
        values = tuple(kind(number) for number in numbers)
    except ValueError:
        raise MalformedError(
            f"configuration: {_line_name(name)}: expected known values, got {numbers}"
        ) from None
    if count is not None:
        return values
    if len(values) != 1:
        raise MalformedError(
            f"configuration: {_line_name(name)}: expected one number, got {len(values)}"
        )
    return values[0]


def _check(
    name: str, value: int | tuple[int, ...], count: int | None, highest: int
) -> None:
    values = value if isinstance(value, tuple) else (value,)
    if count is None and isinstance(value, tuple):
        raise UsageError(f"{name}: expected one number, got {len(values)}")
    if count is not None and len(values) != count:
        raise UsageError(f"{name}: expected {count} values, got {len(values)}")
    for number in values:
        if not 0 <= number <= highest:
            raise UsageError(f"{name}: expected 0 to {highest}, got {number}")


#: How many values each parameter has, None for one that stands alone, and the highest.
_RANGES: Final[dict[str, tuple[int | None, int]]] = {
    "attenuation_thresholds": (3, MAX_ATTENUATION),
    "attenuation_weights": (4, MAX_WEIGHT),
    "infectiousness_weights": (len(Infectiousness), MAX_WEIGHT),
    "report_type_weights": (len(ReportType), MAX_WEIGHT),
    "report_type_when_missing": (None, max(ReportType)),
    "infectiousness_by_onset": (2 * MAX_ONSET_DAYS + 1, max(Infectiousness)),
    "infectiousness_when_missing": (None, max(Infectiousness)),
    "minimum_window_score": (None, MAX_DAY_SCORE),
    "days_since_exposure": (None, MAX_DAYS),
    "calibration_confidence": (None, MAX_CONFIDENCE),
    "alert_day_score": (None, MAX_DAY_SCORE),
    "minimum_risk_score": (None, MAX_RISK_SCORE),
    "attenuation_scores": (BUCKETS, MAX_SCORE),
    "days_scores": (BUCKETS, MAX_SCORE),
    "duration_scores": (BUCKETS, MAX_SCORE),
    "transmission_scores": (BUCKETS, MAX_SCORE),
    "duration_thresholds": (2, MAX_ATTENUATION),
}
_ENUMS: Final[dict[str, Callable[[int], int]]] = {
    "report_type_when_missing": ReportType,
    "infectiousness_by_onset": Infectiousness,
    "infectiousness_when_missing": Infectiousness,
}
_REPORTS_WHEN_MISSING: Final = (
    ReportType.CONFIRMED_TEST,
    ReportType.CONFIRMED_CLINICAL_DIAGNOSIS,
    ReportType.SELF_REPORT,
)
