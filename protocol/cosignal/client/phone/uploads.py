"""Carry a person's keys to the authority, through crashes, lost answers and dead nodes.

What this module guarantees:

* Everything that a step needs is on the disk before its request is sent, and its
  outcome before the next one. Whatever is lost in between, the same request again gets
  an equivalent answer: a code is not lost with an answer, and keys go up once.
* Only what may succeed is tried again, later each time and not in step with others:
  no answer, an overloaded or broken node, an answer that is not the authority's. What
  the authority refuses ends the upload, and its error code is kept.
* After that the steps that are left are sent as fake ones: on the line a refused upload
  is as long as any other. `advance` treats real and fake ones alike, failures too.

State by state, with what a crash after the request and before the next line leaves::

    redeem    the code is claimed for our nonce; both are still here, and work again
    certify   the token is bound to our HMAC; the same HMAC gets a new certificate
    publish   the keys are stored; the node knows the upload, and repeats its answer
    done, refused    nothing secret is left

A server that does not know the nonce ignores it; a code whose answer it lost is spent.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from cosignal.client.phone.database import Database
from cosignal.client.phone.own_keys import Entropy
from cosignal.client.phone.pacing import retry_seconds
from cosignal.client.phone.upload_jobs import (
    Job,
    State,
    add_job,
    all_jobs,
    change_job,
    current,
    find_job,
)
from cosignal.client.phone.upload_outcomes import (
    LONGEST_WAIT,
    ended,
    refused,
    sent_keys,
    succeeded,
)
from cosignal.client.upload import Step, UploadClient, Uploaded, UploadRefusedError
from cosignal.protocol.certificates import UploadedKey, tek_mac
from cosignal.protocol.diagnosis_keys import DiagnosisKey, check_upload
from cosignal.protocol.errors import UnavailableError, UsageError
from cosignal.protocol.receipts import Receipt, verify_receipt
from cosignal.protocol.record_kinds import PolicyRecord

#: An upload that met nothing but silence ends after so many seconds and attempts: the
#: longest code and its token are over by then. Attempts, because a clock may jump.
GIVE_UP_SECONDS: Final = 3 * 86_400
GIVE_UP_ATTEMPTS: Final = 12
#: `run` returns rather than wait longer, seconds.
PATIENCE_SECONDS: Final = 60
NO_ANSWER: Final = "no_answer"

_SECRET_BYTES: Final = 32
#: Google's servers give codes of 6 digits and more, and of up to 64 characters.
CODE_CHARACTERS: Final = range(6, 65)
_STEPS: Final = {
    State.REDEEM: Step.REDEEM,
    State.CERTIFY: Step.CERTIFY,
    State.PUBLISH: Step.PUBLISH,
}


def begin(
    database: Database,
    code: str,
    keys: Sequence[DiagnosisKey],
    *,
    onset: int | None,
    now: int,
    entropy: Entropy,
    at: int | None = None,
    wait_until: int | None = None,
) -> int:
    """Keep an upload to be carried out; nothing is sent yet.

    Args:
        database: The phone's.
        code: From the authority, as typed.
        keys: 1 to 30, of this phone.
        onset: An interval of the day symptoms began, if known.
        now: Unix seconds.
        entropy: Gives as many random bytes as asked for.
        at: From `chaff.take_slot`, if the person accepts to wait for the time of a fake
            upload; None to begin at once.
        wait_until: With `at`: when to begin whatever the conditions are, Unix seconds.

    Returns:
        The upload's number.

    Raises:
        InvalidKeyError: No authority may publish these keys; the code is not touched.
        UsageError: The code cannot be one, or `at` is more than a day away.
    """
    check_code(code)
    if at is not None and not now <= at <= now + LONGEST_WAIT:
        raise UsageError(f"at: expected {now} to {now + LONGEST_WAIT}, got {at}")
    check_upload(keys, now)
    sent = [
        UploadedKey(b64encode(key.data).decode(), key.start, key.period) for key in keys
    ]
    return add_job(
        database,
        now,
        patient=at is not None,
        wait_until=None if at is None else wait_until,
        next_attempt=now if at is None else at,
        code=code.strip(),
        nonce=b64encode(entropy(_SECRET_BYTES)).decode(),
        secret=entropy(_SECRET_BYTES),
        keys=msgspec.json.encode(sent),
        onset=onset,
    )


def check_code(code: str) -> None:
    """Refuse what no health authority gives out.

    Args:
        code: As typed; blanks and hyphens do not count.

    Raises:
        UsageError: It cannot be a code; it is not in the message.
    """
    bare = re.sub(r"[\s-]", "", code)
    if not CODE_CHARACTERS.start <= len(bare) < CODE_CHARACTERS.stop:
        raise UsageError(
            f"code: expected {CODE_CHARACTERS.start} to {CODE_CHARACTERS.stop - 1} "
            f"characters, got {len(bare)}",
            advice="Type the code that the health authority gave.",
        )
    if not bare.isalnum() or not bare.isascii():
        raise UsageError(
            "code: expected letters and digits",
            advice="Type the code that the health authority gave.",
        )


def verify_upload_receipt(job: Job, policy: PolicyRecord) -> Receipt:
    """Check who promised to publish an upload's keys.

    Args:
        job: One that is done.
        policy: In force when it was.

    Returns:
        The promise, for `receipts.check_receipt` with the upload's `marks`.

    Raises:
        UsageError: The upload has no receipt.
        MalformedError: It is none.
        SignatureInvalidError: It is no authority's of this network.
    """
    if job.receipt is None:
        raise UsageError(f"receipt: expected one, got none for upload {job.id}")
    return verify_receipt(job.receipt.encode(), policy)


async def run(
    database: Database,
    client: UploadClient,
    number: int,
    clock: Callable[[], int],
    entropy: Entropy,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    patience: int = PATIENCE_SECONDS,
) -> Job:
    """Carry an upload on until it ends, or would have to wait long.

    It may be cancelled anywhere, and called again.

    Args:
        database: The phone's.
        client: Talks to the authority that issued the code.
        number: Of the upload.
        clock: Gives Unix seconds.
        entropy: Gives as many random bytes as asked for.
        sleep: Waits so many seconds.
        patience: Longest wait, seconds.

    Returns:
        The upload as it stands; `next_attempt` says when to call again.

    Raises:
        UsageError: There is no such upload.
    """
    job = find_job(database, number)
    while True:
        job = await _advance(database, client, job, clock(), entropy)
        wait = job.next_attempt - clock()
        if job.ended or wait > patience:
            return job
        await sleep(max(wait, 0))
        job = current(database, job)


async def advance(
    database: Database, client: UploadClient, number: int, now: int, entropy: Entropy
) -> Job:
    """Send the one request that is next, if its time has come, and store the outcome.

    Args:
        database: The phone's.
        client: Talks to the authority that issued the code.
        number: Of the upload.
        now: Unix seconds.
        entropy: Gives as many random bytes as asked for.

    Returns:
        The upload as it stands.

    Raises:
        UsageError: There is no such upload.
    """
    return await _advance(database, client, find_job(database, number), now, entropy)


def due(database: Database, now: int, *, good: bool) -> list[int]:
    """Say which uploads, real and fake, are to be carried on now.

    Args:
        database: The phone's.
        now: Unix seconds.
        good: Whether conditions allow what can wait; see `chaff.Conditions`.

    Returns:
        Their numbers, oldest first.
    """
    return [
        job.id
        for job in all_jobs(database)
        if not job.ended and _is_due(job, now) and (good or not _can_wait(job, now))
    ]


def next_time(database: Database) -> int | None:
    """When the next request of any upload, real or fake, is to be sent.

    Args:
        database: The phone's.

    Returns:
        Unix seconds, past for one that waits for good conditions; None for none.
    """
    waiting = [job.next_attempt for job in all_jobs(database) if not job.ended]
    return min(waiting, default=None)


def uploads(database: Database) -> list[Job]:
    """The person's own uploads, oldest first."""
    return [job for job in all_jobs(database) if not job.fake]


async def _advance(
    database: Database, client: UploadClient, job: Job, now: int, entropy: Entropy
) -> Job:
    if job.ended or not _is_due(job, now):
        return job
    if now - job.begun > GIVE_UP_SECONDS and job.attempts >= GIVE_UP_ATTEMPTS:
        return ended(database, job, State.REFUSED)
    # Before the request: a phone that dies while it waits has tried, too.
    change_job(
        database,
        job,
        patient=False,
        attempts=job.attempts + 1,
        next_attempt=now + retry_seconds(job.attempts + 1, entropy),
        sent=job.sent or job.state is State.PUBLISH,
    )
    try:
        outcome = await _ask(client, job)
    except UnavailableError:
        change_job(database, job, status=None, error=NO_ANSWER)
    except UploadRefusedError as refusal:
        return refused(database, job, refusal, now, entropy)
    else:
        return succeeded(database, job, outcome, now, entropy)
    return current(database, job)


def _is_due(job: Job, now: int) -> bool:
    return not 0 < job.next_attempt - now <= LONGEST_WAIT


def _can_wait(job: Job, now: int) -> bool:
    return job.patient and (job.wait_until is None or now < job.wait_until)


async def _ask(client: UploadClient, job: Job) -> str | Uploaded | None:
    if job.fake:
        await client.pretend(_STEPS[job.state])
        return None
    secret, keys = job.secret or b"", sent_keys(job)
    match job.state:
        case State.REDEEM:
            return await client.redeem(job.code or "", job.nonce or "")
        case State.CERTIFY:
            return await client.certify(job.token or "", tek_mac(secret, keys))
        case _:
            return await client.publish(job.certificate or "", secret, keys, job.onset)
