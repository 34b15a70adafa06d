"""Take the keys of somebody infected, check them, and promise to publish them.

What this module guarantees:

* Keys are stored only under a certificate for exactly this key set.
* The answer comes after the keys are on the disk. Many uploads share one transaction.
* An upload sent again while its certificate lives gets the same receipt; nothing else
  can put a key in twice, here or from the chain.
* Keys of a negative test are never stored.

Which keys may be published is for `sent_keys` to say. `receipts` writes the receipt,
with which an authority that withholds an upload can be shown to have done so.

Source: exposure-notifications-server, internal/publish/model and docs; where it lets
the body's onset win, and answers 400 to a failing disk, this module does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import cast

from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.certificates import Certificate, UploadedKey, verify_tek_mac
from cosignal.protocol.diagnosis_keys import (
    HOLD_SECONDS,
    MAX_KEYS,
    DiagnosisKey,
    ReportType,
    releasable_at,
)
from cosignal.protocol.errors import CosignalError, InvalidKeyError
from cosignal.protocol.json_web_tokens import parse_any_base64
from cosignal.protocol.record_kinds import ONSET_EXACT, PolicyRecord
from cosignal.server.clock import Clock
from cosignal.server.config import Intake as IntakeSettings
from cosignal.server.intake.certificates import Certificates
from cosignal.server.intake.messages import PublishRequest
from cosignal.server.intake.receipts import ReceiptWriter
from cosignal.server.intake.refusals import RequestError
from cosignal.server.intake.sent_keys import onset_interval, usable_keys
from cosignal.server.storage.database import Database
from cosignal.server.storage.group_commit import GroupCommit
from cosignal.server.storage.uploads import (
    Answer,
    find_answers,
    insert_uploads,
    keys_on_chain,
)
from cosignal.server.storage.waiting_keys import WaitingKeys

_TAG = b"cosignal/upload/v1\n"


@dataclass(frozen=True, slots=True)
class Published:
    """What became of an upload.

    Attributes:
        inserted: How many keys were stored.
        receipt: The signed promise; empty when nothing was stored.
        warnings: One for each key that was dropped.
    """

    inserted: int
    receipt: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Upload:
    """A checked upload on its way to the disk."""

    digest: bytes
    keys: tuple[DiagnosisKey, ...]
    expires: int
    revision: bool
    time: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is to be stored, and what is to be answered."""

    answers: list[tuple[bytes, Answer]]
    keys: list[tuple[DiagnosisKey, int]]
    outcomes: list[Published | RequestError]


class Publisher:
    """The upload desk of one node."""

    def __init__(
        self,
        *,
        settings: IntakeSettings,
        database: Database,
        certificates: Certificates,
        receipts: ReceiptWriter,
        waiting: WaitingKeys,
        policy: Callable[[], PolicyRecord],
        clock: Clock,
    ) -> None:
        """Check with `certificates`, promise with `receipts`, obey `policy()`."""
        self._waiting = waiting
        self._settings = settings
        self._certificates = certificates
        self._receipts = receipts
        self._policy = policy
        self._clock = clock
        self._commit = GroupCommit(database, self._store, settled=waiting.settle)

    async def publish(self, request: PublishRequest) -> Published:
        """Check an upload and store its keys.

        Args:
            request: As the phone sent it.

        Returns:
            What became of it, durably.

        Raises:
            RequestError: It is refused as a whole.
        """
        now = self._clock()
        certificate = self._check_authority(request, now)
        keys, warnings = self._check_keys(request, certificate, now)
        if certificate.report_type.published_as is None:
            return Published(0, warnings=warnings)
        upload = _Upload(
            sha256(_TAG + certificate.tekmac).digest(),
            keys,
            certificate.expires,
            bool(request.revision_token),
            now,
        )
        outcome = await self._commit.submit(upload)
        if isinstance(outcome, RequestError):
            raise outcome
        return replace(outcome, warnings=warnings + outcome.warnings)

    def _check_authority(self, request: PublishRequest, now: int) -> Certificate:
        if request.health_authority_id != self._settings.health_authority_id:
            raise RequestError(
                401,
                "unknown_health_authority_id",
                "healthAuthorityID: expected the one of this node, got another",
            )
        if not 1 <= len(request.keys) <= MAX_KEYS:
            raise _bad_request(
                f"temporaryExposureKeys: expected 1 to {MAX_KEYS}, "
                f"got {len(request.keys)}"
            )
        try:
            certificate = self._certificates.verify(request.certificate, now)
            verify_tek_mac(
                certificate.tekmac,
                parse_any_base64(request.mac_secret.encode("utf-8", "surrogatepass")),
                # They have all its fields; making 30 objects more would show.
                cast("Sequence[UploadedKey]", request.keys),
            )
        except CosignalError as error:
            raise RequestError(
                401,
                "health_authority_verification_certificate_invalid",
                f"verificationPayload: {error}",
            ) from error
        return certificate

    def _check_keys(
        self, request: PublishRequest, certificate: Certificate, now: int
    ) -> tuple[tuple[DiagnosisKey, ...], tuple[str, ...]]:
        """Keep the keys that may be published; say why the others may not."""
        try:
            keys, warnings = usable_keys(
                request.keys,
                certificate.report_type.published_as or ReportType.UNKNOWN,
                onset_interval(certificate, request.onset_interval or 0, now),
                now,
                exact=self._policy().onset == ONSET_EXACT,
            )
        except InvalidKeyError as error:
            raise _bad_request(str(error)) from error
        return tuple(keys), warnings

    async def _store(
        self, connection: AsyncConnection, uploads: Sequence[_Upload]
    ) -> list[Published | RequestError]:
        """Store many uploads in one transaction; one outcome for each."""
        waiting = await self._waiting.load(connection)
        answers = await find_answers(connection, {item.digest for item in uploads})
        keys = {key.data for item in uploads for key in item.keys}
        known = keys & waiting | await keys_on_chain(connection, keys)
        batch = self._settle(uploads, answers, known)
        places = self._waiting.place(key.data for key, _ in batch.keys)
        await insert_uploads(connection, batch.answers, batch.keys, places)
        return batch.outcomes

    def _settle(
        self,
        uploads: Sequence[_Upload],
        answers: dict[bytes, Answer],
        known: set[bytes],
    ) -> _Batch:
        """Decide what becomes of each upload, given the keys that are known."""
        batch = _Batch([], [], [])
        for upload in uploads:
            answer = answers.get(upload.digest)
            if answer is None:
                fresh = [key for key in upload.keys if key.data not in known]
                if not fresh:
                    batch.outcomes.append(_nothing_new(upload))
                    continue
                answer = self._accept(upload, fresh, batch.keys)
                # The same upload, or the same key, may come twice in one batch.
                answers[upload.digest] = answer
                known.update(key.data for key in fresh)
                batch.answers.append((upload.digest, answer))
            batch.outcomes.append(_outcome(upload, answer))
        return batch

    def _accept(
        self,
        upload: _Upload,
        fresh: Sequence[DiagnosisKey],
        new_keys: list[tuple[DiagnosisKey, int]],
    ) -> Answer:
        extra = self._settings.hold_minutes * 60 - HOLD_SECONDS
        released = [(key, releasable_at(key) + extra) for key in fresh]
        new_keys += released
        latest = max(upload.time, *(at for _, at in released))
        receipt = self._receipts.write([k.data for k in fresh], upload.time, latest)
        return Answer(receipt, len(fresh), upload.expires)


def _outcome(upload: _Upload, answer: Answer) -> Published:
    dropped = len(upload.keys) - answer.inserted
    warnings = (f"{dropped} keys dropped: published before",) if dropped else ()
    return Published(answer.inserted, answer.receipt, warnings)


def _nothing_new(upload: _Upload) -> RequestError:
    if upload.revision:
        return RequestError(
            400, "invalid_revision_token", "revisionToken: expected one of this node"
        )
    return RequestError(400, "missing_revision_token", "all keys were published before")


def _bad_request(message: str) -> RequestError:
    return RequestError(400, "bad_request", message)
