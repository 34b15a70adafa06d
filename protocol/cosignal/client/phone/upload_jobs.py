"""Uploads as the phone's file keeps them: how far each has come, what it still needs.

What this module guarantees:

* A secret is erased in the transaction that makes it needless, and from the journal
  right after: the code and its nonce once the token is there; token, certificate, keys
  and the secret of their HMAC once the upload has ended.
* No `repr` holds a secret.

A fake upload is a row like a real one, so that both are carried on alike after a crash;
it holds nothing, and goes when it has ended.

What a crash leaves behind: a row in an earlier state, or one whose secrets are still in
the journal; the next erasure, or closing the file in order, removes those.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from cosignal.client.phone.database import Database
from cosignal.protocol.errors import UsageError

SCHEMA: Final = """
CREATE TABLE upload_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fake INTEGER NOT NULL CHECK (fake IN (0, 1)),
    patient INTEGER NOT NULL CHECK (patient IN (0, 1)),
    wait_until INTEGER,
    state TEXT NOT NULL CHECK (
        state IN ('redeem', 'certify', 'publish', 'done', 'refused')
    ),
    begun INTEGER NOT NULL,
    since INTEGER NOT NULL,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt INTEGER NOT NULL,
    sent INTEGER NOT NULL CHECK (sent IN (0, 1)),
    onset INTEGER,
    code TEXT,
    nonce TEXT,
    token TEXT,
    certificate TEXT,
    secret BLOB,
    keys BLOB,
    marks BLOB,
    status INTEGER,
    error TEXT,
    inserted INTEGER,
    revision_token TEXT,
    receipt TEXT
) STRICT;
"""


class State(StrEnum):
    """What an upload does next, or how it ended."""

    REDEEM = "redeem"
    CERTIFY = "certify"
    PUBLISH = "publish"
    DONE = "done"
    REFUSED = "refused"


ENDED: Final = (State.DONE, State.REFUSED)
_SECRETS: Final = ("code", "nonce", "token", "certificate", "secret", "keys", "onset")


@dataclass(frozen=True, slots=True)
class Job:
    """An upload, as it stands.

    Attributes:
        id: Its number in the file.
        fake: Whether it only pretends.
        patient: Whether it waits for good conditions before its first request.
        wait_until: When it has waited long enough, Unix seconds; None for never.
        state: What it does next, or how it ended.
        begun: When it was begun, Unix seconds.
        since: When it came into this state, Unix seconds.
        attempts: How often this step was tried.
        next_attempt: When to try next, Unix seconds.
        sent: Whether the keys were ever sent.
        onset: An interval of the day symptoms began, if known.
        code: From the authority, until there is a token.
        nonce: Lets this phone repeat the exchange of its code.
        token: Until the upload has ended.
        certificate: Until the upload has ended.
        secret: Of the HMAC that binds the certificate to the keys.
        keys: The keys, as `uploads` encodes them.
        marks: `receipts.mark` of each key, once they were taken.
        status: HTTP status of the last failure; None where nobody answered.
        error: The authority's error code, `no_answer`, or `receipt_invalid`; None for
            no failure.
        inserted: How many keys the authority took; None if it did not, or if the answer
            that said so was lost.
        revision_token: Needed to change the report later; opaque.
        receipt: Signed note that promises publication, if there is one.
    """

    id: int
    fake: bool
    patient: bool
    wait_until: int | None
    state: State
    begun: int
    since: int
    attempts: int
    next_attempt: int
    sent: bool
    onset: int | None = field(repr=False)
    code: str | None = field(repr=False)
    nonce: str | None = field(repr=False)
    token: str | None = field(repr=False)
    certificate: str | None = field(repr=False)
    secret: bytes | None = field(repr=False)
    keys: bytes | None = field(repr=False)
    marks: bytes | None = field(repr=False)
    status: int | None
    error: str | None
    inserted: int | None
    revision_token: str | None = field(repr=False)
    receipt: str | None = field(repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in ENDED


_COLUMNS: Final = tuple(Job.__slots__)
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM upload_jobs"  # noqa: S608 - ours


def add_job(database: Database, now: int, **values: object) -> int:
    """Keep a new upload.

    Args:
        database: The phone's.
        now: Unix seconds.
        values: Columns that differ from a real upload's that begins at once.

    Returns:
        Its number.
    """
    row = {
        "fake": False,
        "patient": False,
        "state": State.REDEEM,
        "begun": now,
        "since": now,
        "attempts": 0,
        "next_attempt": now,
        "sent": False,
    } | values
    names, marks = ", ".join(row), ", ".join("?" * len(row))
    with database.write() as connection:
        cursor = connection.execute(
            f"INSERT INTO upload_jobs ({names}) VALUES ({marks})",  # noqa: S608 - ours
            tuple(row.values()),
        )
    return int(cursor.lastrowid or 0)


def find_job(database: Database, number: int) -> Job:
    """Read an upload.

    Args:
        database: The phone's.
        number: From `add_job`.

    Returns:
        The upload as it stands.

    Raises:
        UsageError: There is none; fake ones go when they end.
    """
    rows = database.read(f"{_SELECT} WHERE id = ?", number)
    if not rows:
        raise UsageError(f"upload: expected the number of one, got {number}")
    return _job(rows[0])


def all_jobs(database: Database) -> list[Job]:
    """All uploads, oldest first."""
    return [_job(row) for row in database.read(f"{_SELECT} ORDER BY id")]


def current(database: Database, job: Job) -> Job:
    """Read an upload again that somebody may have ended or forgotten meanwhile.

    Args:
        database: The phone's.
        job: As it was read.

    Returns:
        The upload as it stands; ended, if it is gone.
    """
    rows = database.read(f"{_SELECT} WHERE id = ?", job.id)
    return _job(rows[0]) if rows else replace(job, state=State.REFUSED)


def change_job(database: Database, job: Job, **values: object) -> bool:
    """Store what became of an upload; nothing if it went on meanwhile.

    Args:
        database: The phone's.
        job: As it was read.
        values: Columns to set.

    Returns:
        Whether it was stored.
    """
    names = ", ".join(f"{name} = ?" for name in values)
    with database.write() as connection:
        cursor = connection.execute(
            f"UPDATE upload_jobs SET {names} WHERE id = ? AND state = ?",  # noqa: S608 - ours
            (*values.values(), job.id, job.state),
        )
    return cursor.rowcount == 1


def end_job(database: Database, job: Job, **values: object) -> bool:
    """Store how an upload ended, and erase every secret of it.

    Call `Database.scrub` after it.

    Args:
        database: The phone's.
        job: As it was read.
        values: Columns to set.

    Returns:
        Whether it was stored.
    """
    return change_job(database, job, **dict.fromkeys(_SECRETS), **values)


def remove_job(database: Database, number: int) -> None:
    """Forget an upload, wherever it stands; call `Database.scrub` after it.

    Args:
        database: The phone's.
        number: From `add_job`.
    """
    with database.write() as connection:
        connection.execute("DELETE FROM upload_jobs WHERE id = ?", (number,))


def date_no_later(database: Database, now: int) -> None:
    """Mend what a clock dated that was ahead, or it would never grow old.

    Args:
        database: The phone's.
        now: Unix seconds, of a clock that may be believed.
    """
    with database.write() as connection:
        connection.execute(
            "UPDATE upload_jobs SET begun = min(begun, ?), since = min(since, ?)"
            " WHERE begun > ? OR since > ?",
            (now, now, now, now),
        )


def _job(row: tuple[object, ...]) -> Job:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in ("fake", "patient", "sent"):
        values[name] = bool(values[name])
    values["state"] = State(str(values["state"]))
    return Job(**values)  # type: ignore[arg-type]
