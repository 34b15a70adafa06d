"""What becomes of an upload when an answer has come, or none.

What this module guarantees:

* An outcome is one durable change; secrets that it makes needless go with it.
* Real and fake uploads move on alike: after the same pauses, and after a refusal, too.
* Keys are kept back only where the authority may have them.
"""

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import Entropy
from cosignal.client.phone.pacing import pause_seconds
from cosignal.client.phone.receipts import mark
from cosignal.client.phone.upload_jobs import (
    Job,
    State,
    add_job,
    change_job,
    current,
    end_job,
    remove_job,
)
from cosignal.client.upload import Uploaded, UploadRefusedError
from cosignal.protocol.certificates import UploadedKey
from cosignal.protocol.errors import FatalError, MalformedError
from cosignal.protocol.receipts import parse_receipt, receipt_digest

#: A wait that is longer than any comes from a clock that was wrong, seconds.
LONGEST_WAIT: Final = 86_400
#: A certificate that is refused although it is younger than this is refused for good.
FRESH_SECONDS: Final = 600
RECEIPT_INVALID: Final = "receipt_invalid"

_OLD_CERTIFICATE: Final = "health_authority_verification_certificate_invalid"
KNOWN_KEYS: Final = "missing_revision_token"
_NEXT: Final = {
    State.REDEEM: State.CERTIFY,
    State.CERTIFY: State.PUBLISH,
    State.PUBLISH: State.DONE,
}


def succeeded(
    database: Database,
    job: Job,
    outcome: str | Uploaded | None,
    now: int,
    entropy: Entropy,
) -> Job:
    """Store what a step gave, and move to the next one.

    Args:
        database: The phone's.
        job: As it was when the request was sent.
        outcome: A token, a certificate, or the authority's word; None for a fake one.
        now: Unix seconds.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The upload as it stands.
    """
    if isinstance(outcome, Uploaded):
        return _done(database, job, outcome)
    if job.fake and job.state is State.PUBLISH:
        return ended(database, job, State.DONE)
    gained = {"code": None, "nonce": None, "token": outcome}
    if job.state is State.CERTIFY:
        gained = {"certificate": outcome}
    _move(database, job, _NEXT[job.state], now, entropy, **gained)
    database.scrub()
    return current(database, job)


def refused(
    database: Database,
    job: Job,
    refusal: UploadRefusedError,
    now: int,
    entropy: Entropy,
) -> Job:
    """Store a refusal; keep what may be tried again, and end what may not.

    Args:
        database: The phone's.
        job: As it was when the request was sent.
        refusal: What the authority answered.
        now: Unix seconds.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The upload as it stands.
    """
    failure = {"status": refusal.status, "error": refusal.code}
    if not refusal.final:
        later = current(database, job).next_attempt
        later = max(later, now + min(refusal.retry_after, LONGEST_WAIT))
        change_job(database, job, next_attempt=later, **failure)
        return current(database, job)
    if job.fake:
        # As a real one would go on after a refusal.
        return succeeded(database, job, None, now, entropy)
    if refusal.code == _OLD_CERTIFICATE and not 0 <= now - job.since < FRESH_SECONDS:
        _move(database, job, State.CERTIFY, now, entropy, **failure)
        return current(database, job)
    if refusal.code == KNOWN_KEYS and job.sent:
        # Ours: they arrived when we were not there to hear so.
        return ended(database, job, State.DONE)
    return _end_and_pretend(database, job, now, entropy, **failure)


def ended(database: Database, job: Job, state: State, **values: object) -> Job:
    """End an upload, and erase its secrets.

    Args:
        database: The phone's.
        job: As it stands.
        state: How it ended.
        values: Columns to set.

    Returns:
        The upload as it stands; a fake one is gone.
    """
    if job.fake:
        remove_job(database, job.id)
        return replace(job, state=state)
    end_job(database, job, state=state, **values)
    database.scrub()
    return current(database, job)


def may_be_published(job: Job) -> bool:
    """Say whether the authority may hold an upload's keys, so that none is sent again.

    An upload that met nothing but silence is taken for one that did not arrive: most
    did not, and else the authority says so to the next one.

    Args:
        job: As it stands, or stood when it was given up.

    Returns:
        Whether it was sent, and taken or known.
    """
    return job.sent and (job.state is State.DONE or job.error == KNOWN_KEYS)


def sent_keys(job: Job) -> list[UploadedKey]:
    """The keys that a real upload has to send.

    Args:
        job: One that has not ended.

    Returns:
        As they are sent.

    Raises:
        FatalError: They are damaged.
    """
    try:
        return msgspec.json.decode(job.keys or b"[]", type=list[UploadedKey])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise FatalError(
            f"upload {job.id}: expected its keys, got something else",
            advice="Forget this upload, and begin another with a new code.",
        ) from None


def _done(database: Database, job: Job, outcome: Uploaded) -> Job:
    keys = [b64decode(key.key_text) for key in sent_keys(job)]
    wrong = outcome.receipt is not None and not _fits(outcome.receipt, outcome, keys)
    return ended(
        database,
        job,
        State.DONE,
        status=None,
        error=RECEIPT_INVALID if wrong else None,
        inserted=outcome.inserted,
        revision_token=outcome.revision_token or None,
        receipt=outcome.receipt,
        marks=b"".join(map(mark, keys)),
    )


def _fits(text: str, outcome: Uploaded, keys: Sequence[bytes]) -> bool:
    """Whether a receipt is for what was sent, as far as it can be known."""
    try:
        receipt = parse_receipt(text.encode("utf-8", "surrogatepass"))
    except MalformedError:
        return False
    if receipt.keys == len(keys):
        return receipt.digest == receipt_digest(keys)
    return receipt.keys == outcome.inserted < len(keys)


def _move(
    database: Database,
    job: Job,
    state: State,
    now: int,
    entropy: Entropy,
    **values: object,
) -> None:
    failure = {"status": None, "error": None} | values
    change_job(
        database,
        job,
        state=state,
        since=now,
        attempts=0,
        next_attempt=now + pause_seconds(entropy),
        **failure,
    )


def _end_and_pretend(
    database: Database, job: Job, now: int, entropy: Entropy, **values: object
) -> Job:
    """End a real upload; a fake one takes over where it would have gone on."""
    following = _NEXT[job.state]
    with database.write():
        stored = end_job(database, job, state=State.REFUSED, **values)
        if stored and following is not State.DONE:
            later = now + pause_seconds(entropy)
            add_job(database, now, fake=True, state=following, next_attempt=later)
    database.scrub()
    return current(database, job)
