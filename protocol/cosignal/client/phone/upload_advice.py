"""What a person can do about an upload that failed, by the authority's error code."""

from typing import Final

from cosignal.client.phone.upload_jobs import Job, State

_NEW_CODE: Final = "Ask the health authority for a new code."
_ADVICE: Final = {
    "code_invalid": "Compare the code with what the health authority gave, and type it "
    "again; if it is right, it was used: ask for a new one.",
    "code_expired": _NEW_CODE,
    "token_invalid": _NEW_CODE,
    "token_expired": _NEW_CODE,
    "health_authority_verification_certificate_invalid": _NEW_CODE,
    "unsupported_test_type": "Nothing: the code is for a kind of test that publishes "
    "no keys, or that this app does not know. The code stays good.",
    "unauthorized": "Update the app; the health authority does not know its key. The "
    "code stays good.",
    "unknown_health_authority_id": "Update the app; it names another health authority.",
    "missing_revision_token": "Nothing: these keys are published already.",
    "bad_request": "Correct the phone's clock if it is wrong; then ask the health "
    "authority for a new code.",
    "receipt_invalid": "Tell the health authority: its receipt is not for these keys, "
    "and does not prove that it took them.",
    "no_answer": "Wait until the phone is online; the upload goes on by itself.",
    "quota_exceeded": "Wait; the health authority is being asked too often, and the "
    "upload goes on by itself.",
}
_NONE_TAKEN: Final = (
    "Nothing can be done: the health authority took none of the keys, which are too "
    "old or published already."
)
_WAIT: Final = "Wait; the upload goes on by itself."


def advice(job: Job) -> str:
    """Say in one sentence what a person can do.

    Args:
        job: An upload.

    Returns:
        The sentence; empty where there is nothing to say.
    """
    if job.error is None:
        return _NONE_TAKEN if job.inserted == 0 else ""
    if job.state is State.REFUSED:
        # What once asked for patience has used it up.
        known = {} if job.error in ("no_answer", "quota_exceeded") else _ADVICE
        return known.get(job.error, _NEW_CODE)
    return _ADVICE.get(job.error, _WAIT)
