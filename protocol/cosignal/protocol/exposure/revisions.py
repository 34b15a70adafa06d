"""A key that is published again: which changes of its report type count.

What this module guarantees:

* A key's span of time, class and issuer are those of its first occurrence, for good.
* Its report type changes once at most, and only towards more certainty: a self-report
  may be confirmed or revoked, a clinical diagnosis confirmed by a test or revoked. What
  a test confirmed, and what was revoked, stays.
* Only the authority that published a key may revise it. Anybody who has seen a key can
  upload it elsewhere, so another authority's word changes nothing.

A phone folds the occurrences of a key, in the order of the chain, without those in
revoked blocks, and matches `KeyState.key`; when only the report type changes later,
`windows.with_report_type` brings the windows it has up to date.

Source: Google's exposure-notifications-internals, ExposureMatchingTracer;
docs/reference/protocol.md, "Revisions".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from cosignal.protocol.diagnosis_keys import DiagnosisKey, ReportType
from cosignal.protocol.errors import UsageError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.exposure.windows import report_type_of

_TRANSITIONS: Final = frozenset(
    {
        (ReportType.SELF_REPORT, ReportType.CONFIRMED_TEST),
        (ReportType.SELF_REPORT, ReportType.CONFIRMED_CLINICAL_DIAGNOSIS),
        (ReportType.SELF_REPORT, ReportType.REVOKED),
        (ReportType.CONFIRMED_CLINICAL_DIAGNOSIS, ReportType.CONFIRMED_TEST),
        (ReportType.CONFIRMED_CLINICAL_DIAGNOSIS, ReportType.REVOKED),
    }
)


@dataclass(frozen=True, slots=True)
class KeyState:
    """What counts of a key so far.

    Attributes:
        key: As it was first published, with its report type as revised; never unknown.
        issuer: Authority that published it first.
        is_revised: Whether its one change is used up.
    """

    key: DiagnosisKey
    issuer: str
    is_revised: bool = False


def is_valid_transition(old: ReportType, new: ReportType) -> bool:
    """Tell whether a report type may become another one.

    Args:
        old: As it stands.
        new: As it is published again; what `UNKNOWN` counts as must be known before.

    Returns:
        Whether the change counts.

    Source: ExposureMatchingTracer.isValidTransition.
    """
    return (old, new) in _TRANSITIONS


def with_occurrence(
    state: KeyState | None,
    key: DiagnosisKey,
    issuer: str,
    configuration: ExposureConfiguration,
) -> KeyState | None:
    """Take one more occurrence of a key.

    Google's sample skips a key with another rolling period only while it has not
    matched; once it has, it would take a report type from one. Here an occurrence with
    another start or period is never looked at.

    Args:
        state: After all occurrences before; None before the first.
        key: The occurrence.
        issuer: Authority that published it.
        configuration: Says what an unknown report type counts as.

    Returns:
        The state after it, which is the old one where the occurrence does not count.
        One of type `RECURSIVE` is as if it were not there, even as the first.

    Raises:
        UsageError: An occurrence of another key.

    Source: ExposureMatchingTracer.traceWithJava and storeValidReportTransition.
    """
    report_type = report_type_of(key, configuration)
    if state is None:
        return _first(replace(key, report_type=report_type), issuer)
    if key.data != state.key.data:
        raise UsageError("key: expected an occurrence of the same key, got another")
    is_same = (issuer, key.start, key.period) == (
        state.issuer,
        state.key.start,
        state.key.period,
    )
    valid = is_valid_transition(state.key.report_type, report_type)
    if state.is_revised or not is_same or not valid:
        return state
    return KeyState(
        replace(state.key, report_type=report_type), issuer, is_revised=True
    )


def key_state(
    occurrences: Iterable[tuple[str, DiagnosisKey]],
    configuration: ExposureConfiguration,
) -> KeyState | None:
    """Fold all occurrences of one key.

    Args:
        occurrences: Issuer and key, in the order of the chain; without revoked blocks.
        configuration: Says what an unknown report type counts as.

    Returns:
        What counts of the key; None if nothing does.

    Raises:
        UsageError: Occurrences of several keys.
    """
    state: KeyState | None = None
    for issuer, key in occurrences:
        state = with_occurrence(state, key, issuer, configuration)
    return state


def _first(key: DiagnosisKey, issuer: str) -> KeyState | None:
    return None if key.report_type == ReportType.RECURSIVE else KeyState(key, issuer)
