"""Whatever became of an upload, a person learns what to do."""

import re
from pathlib import Path

import pytest

from cosignal.client.phone.upload_advice import advice
from cosignal.client.phone.upload_jobs import ENDED, Job, State
from cosignal.client.upload import NO_CODE

DOCS = Path(__file__).parents[3] / "docs" / "reference" / "http-api.md"


def job(state: State, error: str | None, inserted: int | None = None) -> Job:
    values: dict[str, object] = dict.fromkeys(Job.__slots__)
    values |= {"state": state, "error": error, "inserted": inserted}
    return Job(**values)  # type: ignore[arg-type]


def documented_codes() -> list[str]:
    """Every error code of the calls of an upload."""
    page = DOCS.read_text().partition("## For phones: upload")[2]
    page = page.partition("## For clinics")[0]
    return sorted(set(re.findall(r"^\| 4\d\d \| `([a-z_]+)`", page, re.MULTILINE)))


@pytest.mark.parametrize("code", [*documented_codes(), "unauthorized", NO_CODE])
@pytest.mark.parametrize("state", list(State))
def test_every_failure_has_advice(state: State, code: str) -> None:
    said = advice(job(state, code))

    assert said.endswith(".")
    if state not in ENDED and code in {NO_CODE, "quota_exceeded"}:
        assert "goes on by itself" in said
    if state is State.REFUSED:
        assert "goes on by itself" not in said


def test_success_needs_no_advice() -> None:
    assert advice(job(State.DONE, None, 14)) == ""
    assert advice(job(State.DONE, None, None)) == ""
    assert "none of the keys" in advice(job(State.DONE, None, 0))
