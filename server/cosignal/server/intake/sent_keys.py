"""Turn the keys that a phone sent into keys that may be published.

What this module guarantees:

* A key that breaks a rule alone is dropped, and a warning says why; keys that cannot
  be of one phone are refused together.
* What the certificate says about onset of symptoms goes before what the body says.

Source: exposure-notifications-server, internal/publish/model/exposure_model.go.
"""

from binascii import a2b_base64
from collections.abc import Sequence
from functools import lru_cache

from cosignal.protocol.certificates import Certificate
from cosignal.protocol.diagnosis_keys import (
    MAX_ONSET_DAYS,
    DiagnosisKey,
    Infectiousness,
    ReportType,
    check_key,
    check_upload,
    days_since_onset,
    infectiousness_of,
)
from cosignal.protocol.errors import InvalidKeyError, MalformedError
from cosignal.protocol.intervals import day_start, interval_at
from cosignal.protocol.json_web_tokens import parse_any_base64
from cosignal.server.intake.messages import SentKey

MAX_RISK = 8
#: Onset of symptoms longer ago than this is not believed, days.
MAX_ONSET_AGE_DAYS = 28
#: Assumed onset where nobody says: this long before the upload, days.
DEFAULT_ONSET_DAYS = 4

_DAY_SECONDS = 86_400
_CANONICAL_CHARACTERS = 24
#: Last characters of 16 bytes in base64: their four spare bits are zero.
_LAST = frozenset("AQgw")


def usable_keys(
    sent: Sequence[SentKey],
    report: ReportType,
    onset: int,
    now: int,
    *,
    exact: bool,
) -> tuple[list[DiagnosisKey], tuple[str, ...]]:
    """Keep the keys that may be published.

    Args:
        sent: As the phone sent them.
        report: What the certificate says.
        onset: Interval in which symptoms began.
        now: Unix seconds.
        exact: Whether days since onset are published, not only their class.

    Returns:
        The keys, and a warning for each that was dropped.

    Raises:
        InvalidKeyError: None may be published, or they cannot be of one phone.
    """
    try:
        keys = [_diagnosis_key(one, report, onset, exact=exact) for one in sent]
        check_upload(keys, now)
    except (InvalidKeyError, MalformedError):
        # Rare; only now is it worth asking which of them is wrong.
        return _sort_out(sent, report, onset, now, exact=exact)
    return keys, ()


def onset_interval(certificate: Certificate, claimed: int, now: int) -> int:
    """Find out when symptoms began: by the authority, else by the phone, else assumed.

    Args:
        certificate: Says it, or not.
        claimed: What the body says; 0 for nothing.
        now: Unix seconds.

    Returns:
        An interval of the day.
    """
    oldest = day_start(interval_at(now - MAX_ONSET_AGE_DAYS * _DAY_SECONDS))
    for interval in (certificate.symptom_onset_interval or 0, claimed):
        if oldest <= interval < interval_at(now):
            return interval
    return interval_at(now - DEFAULT_ONSET_DAYS * _DAY_SECONDS)


def _sort_out(
    sent: Sequence[SentKey], report: ReportType, onset: int, now: int, *, exact: bool
) -> tuple[list[DiagnosisKey], tuple[str, ...]]:
    keys: list[DiagnosisKey] = []
    warnings: list[str] = []
    for number, one in enumerate(sent):
        try:
            key = _diagnosis_key(one, report, onset, exact=exact)
            check_key(key, now)
        except (InvalidKeyError, MalformedError) as error:
            warnings.append(f"key {number} dropped: {error}")
        else:
            keys.append(key)
    if not keys:
        raise InvalidKeyError(f"keys: none may be published; {warnings[0]}")
    check_upload(keys, now)
    return keys, tuple(warnings)


def _diagnosis_key(
    sent: SentKey, report: ReportType, onset: int, *, exact: bool
) -> DiagnosisKey:
    if not 0 <= sent.risk <= MAX_RISK:
        raise InvalidKeyError(
            f"transmissionRisk: expected 0 to {MAX_RISK}, got {sent.risk}"
        )
    days, infectiousness = _day(sent.start, onset)
    if not -MAX_ONSET_DAYS <= days <= MAX_ONSET_DAYS:
        raise InvalidKeyError(
            f"start: expected a day within {MAX_ONSET_DAYS} days of onset of symptoms, "
            f"got {days} days"
        )
    return DiagnosisKey(
        _key_bytes(sent.key_text),
        sent.start,
        sent.period,
        report,
        infectiousness,
        days if exact else None,
    )


@lru_cache(maxsize=4096)
def _day(start: int, onset: int) -> tuple[int, Infectiousness]:
    """Class a key's day; people of one week share nearly all of these."""
    days = days_since_onset(start, onset)
    return days, infectiousness_of(days)


def _key_bytes(text: str) -> bytes:
    """Read a key; in the usual form without taking it apart twice."""
    if len(text) == _CANONICAL_CHARACTERS and text[-3] in _LAST:
        try:
            return a2b_base64(text, strict_mode=True)
        except ValueError:
            pass  # perhaps the other alphabet
    return parse_any_base64(text.encode("utf-8", "surrogatepass"))
