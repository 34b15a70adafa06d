"""What a verification code stands for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from cosignal.protocol.certificates import CertifiedReport
from cosignal.server.intake.refusals import RequestError

#: Symptoms or a test longer ago than this are refused, days.
MAX_DATE_DAYS = 28


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a code stands for.

    Attributes:
        report: What the test says.
        symptom_date: `YYYY-MM-DD`, or empty.
        test_date: `YYYY-MM-DD`, or empty.
    """

    report: CertifiedReport
    symptom_date: str = ""
    test_date: str = ""


def check_diagnosis(diagnosis: Diagnosis, now: int) -> Diagnosis:
    """Refuse dates that cannot be those of a present infection.

    Args:
        diagnosis: From a clinic.
        now: Unix seconds.

    Returns:
        The diagnosis.

    Raises:
        RequestError: A date is not one, is in the future, or too long ago.
    """
    for text in (diagnosis.symptom_date, diagnosis.test_date):
        if text and not _is_recent(text, now):
            raise RequestError(
                400,
                "invalid_date",
                f"date: expected YYYY-MM-DD of the last {MAX_DATE_DAYS} days",
            )
    return diagnosis


def _is_recent(text: str, now: int) -> bool:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return False
    # Tomorrow is allowed: east of Greenwich it has begun.
    age = (datetime.fromtimestamp(now, UTC).date() - day).days
    return day.isoformat() == text and -1 <= age <= MAX_DATE_DAYS
