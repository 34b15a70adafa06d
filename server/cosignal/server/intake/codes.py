"""Issue verification codes, and exchange each of them once.

What this module guarantees:

* Only the HMAC of a code is stored, under a key that is not in the database.
* A code works once, in one of its forms: lookup and mark are one transaction, finished
  before the answer.
* A phone that lost the answer may ask again while the code lives, if it sent a nonce:
  the same code with the same nonce stands for the same token, so still no more than one
  set of keys can come of it. Whoever learns the code later does not know the nonce, of
  which only an HMAC is stored.
* Within any window as long as a short code's life, fewer guesses than one in a million
  of all short codes are looked at. A wrong guess is counted, durably, in the
  transaction that looks; nothing is known about the guesser. Long codes are not
  concerned: nobody guesses 36^16.

A guess is wrong when this node knows no such code. Short codes that ended are known
for a day longer, and then only by their uuid.

Source: exposure-notifications-verification-server, docs/api.md.
"""

import hmac
import uuid
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.certificates import TOKEN_SECONDS, CertifiedReport
from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Intake as IntakeSettings
from cosignal.server.intake.code_forms import (
    TypedCode,
    draw_long,
    draw_short,
    read_code,
)
from cosignal.server.intake.diagnosis import Diagnosis, check_diagnosis
from cosignal.server.intake.refusals import RequestError
from cosignal.server.storage.codes import (
    CodeRow,
    add_wrong_attempt,
    claim_code,
    find_code,
    has_code,
    insert_code,
    wrong_attempts_since,
)
from cosignal.server.storage.database import Database

#: A short code must survive its life with at least this probability: 1 - 1/ODDS.
ODDS = 1_000_000

#: A shorter nonce could be guessed, and gives no right to ask again: 256 bits, base64.
NONCE_CHARACTERS = 43

_DRAWS = 16
_TOKEN_ID_BYTES = 16
_TAG = b"cosignal/code/v1\n"
_NONCE_TAG = b"cosignal/code-nonce/v1\n"
_TOKEN_TAG = b"cosignal/code-token/v1\n"


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A new code; this value is the only place where its characters are.

    Attributes:
        uuid: The clinic's handle on it.
        short: Digits.
        long: Letters and digits.
        short_expires: End of the short form, Unix seconds.
        long_expires: End of the long form, Unix seconds.
    """

    uuid: str
    short: str
    long: str
    short_expires: int
    long_expires: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a phone gets for its code.

    Attributes:
        test: What the code stood for.
        token_id: Of the token; the same one for a repetition.
        token_expires: When the token ends, Unix seconds; also the same.
    """

    test: Diagnosis
    token_id: str
    token_expires: int


class Codes:
    """Verification codes of one node."""

    def __init__(
        self,
        settings: IntakeSettings,
        database: Database,
        secret: bytes,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        """Work with the node's codes key, `secret`."""
        self._settings = settings
        self._database = database
        self._secret = secret
        self._clock = clock
        self._entropy = entropy

    @property
    def window(self) -> int:
        """Life of a short code, seconds; wrong guesses count as long."""
        return self._settings.short_code_minutes * 60

    @property
    def allowed_guesses(self) -> int:
        """How many wrong guesses one window may hold."""
        return int(10**self._settings.short_code_digits) // ODDS - 1

    async def issue(self, test: Diagnosis, handle: str = "") -> IssuedCode:
        """Make a code.

        Args:
            test: What it stands for.
            handle: The clinic's uuid for it; empty for a new one.

        Returns:
            The code, durably stored as an HMAC.

        Raises:
            RequestError: A date is not one, is in the future or long past, or the
                uuid is taken.
        """
        now = self._clock()
        check_diagnosis(test, now)
        name = _check_uuid(handle) if handle else ""
        # A short code may collide with a live one; another draw then will not.
        for _ in range(_DRAWS):
            issued = self._draw(name or self._new_uuid(), now)
            row = self._row(issued, test)
            outcome = await self._database.write(partial(_keep, row=row))
            if outcome == "kept":
                return issued
            if outcome == "uuid" and name:
                raise RequestError(
                    409, "uuid_already_exists", "the uuid names another code"
                )
        raise RequestError(
            503, "internal_error", "no free short code was found", retry_after=60
        )

    async def redeem(
        self, code: str, accept: frozenset[CertifiedReport], nonce: str = ""
    ) -> Redeemed:
        """Exchange a code.

        Args:
            code: As typed; blanks and hyphens do not count.
            accept: Reports that the app understands.
            nonce: Drawn by the phone for this code; empty, or one that is too short,
                for a phone that will not ask again.

        Returns:
            What it stands for. The code is used up, durably.

        Raises:
            RequestError: It is unknown, used, too old, not understood, or too many
                wrong ones came lately.
        """
        typed = read_code(code, self._settings.short_code_digits)
        if typed is None:
            raise _invalid()
        nonce = nonce if len(nonce) >= NONCE_CHARACTERS else ""
        # Whatever the outcome, it is returned, not raised: raising would roll back
        # the count of wrong guesses.
        outcome = await self._database.write(
            lambda connection: self._exchange(connection, typed, accept, nonce)
        )
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    async def _exchange(
        self,
        connection: AsyncConnection,
        typed: TypedCode,
        accept: frozenset[CertifiedReport],
        nonce: str,
    ) -> Redeemed | RequestError:
        now = self._clock()
        if typed.short and (throttled := await self._throttle(connection, now)):
            return throttled
        found = await find_code(connection, self._mac(typed.text), long=not typed.short)
        if found is None:
            if typed.short:
                await add_wrong_attempt(connection, now, now - self.window)
            return _invalid()
        row_id, row = found
        nonce_mac = self._bound(_NONCE_TAG, row, nonce) if nonce else None
        if row.claimed and not _same(row.nonce_mac, nonce_mac):
            return _invalid()
        if now >= (row.short_expires if typed.short else row.long_expires):
            return RequestError(400, "code_expired", "the verification code expired")
        report = CertifiedReport(row.test_type)
        if report not in accept:
            return RequestError(
                412, "unsupported_test_type", "the app does not accept this test type"
            )
        if not row.claimed:
            await claim_code(connection, row_id, nonce_mac)
        return self._redeemed(row, Diagnosis(report, *row.dates), nonce, now)

    def _redeemed(
        self, row: CodeRow, test: Diagnosis, nonce: str, now: int
    ) -> Redeemed:
        if not nonce:
            token_id = self._entropy(_TOKEN_ID_BYTES).hex()
            return Redeemed(test, token_id, now + TOKEN_SECONDS)
        # Both follow from what is stored and what the phone sends, so that nothing
        # in the database leads from a code to its token. The end does not move with
        # a repetition: the mark of a used token is forgotten when the token ends.
        token_id = self._bound(_TOKEN_TAG, row, nonce)[:_TOKEN_ID_BYTES].hex()
        return Redeemed(test, token_id, row.ends + TOKEN_SECONDS)

    def _bound(self, tag: bytes, row: CodeRow, nonce: str) -> bytes:
        text = f"{row.uuid}\n{nonce}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, tag + text, sha256)

    async def _throttle(
        self, connection: AsyncConnection, now: int
    ) -> RequestError | None:
        count, oldest = await wrong_attempts_since(connection, now - self.window)
        if count < self.allowed_guesses:
            return None
        return RequestError(
            429,
            "quota_exceeded",
            "too many wrong short codes; try again later, or use the long code",
            retry_after=max(1, oldest + self.window - now),
        )

    def _draw(self, name: str, now: int) -> IssuedCode:
        return IssuedCode(
            name,
            draw_short(self._entropy, self._settings.short_code_digits),
            draw_long(self._entropy),
            now + self.window,
            now + self._settings.long_code_hours * 3600,
        )

    def _row(self, issued: IssuedCode, test: Diagnosis) -> CodeRow:
        return CodeRow(
            issued.uuid,
            self._mac(issued.short),
            self._mac(issued.long),
            issued.short_expires,
            issued.long_expires,
            test.report.value,
            test.symptom_date,
            test.test_date,
        )

    def _new_uuid(self) -> str:
        return str(uuid.UUID(bytes=self._entropy(16), version=4))

    def _mac(self, text: str) -> bytes:
        return hmac.digest(self._secret, _TAG + text.encode(), sha256)


async def _keep(connection: AsyncConnection, row: CodeRow) -> str:
    """Store a code; say what was taken already, if anything."""
    taken = await has_code(connection, row)
    if not taken:
        await insert_code(connection, row)
    return taken or "kept"


def _same(stored: bytes | None, sent: bytes | None) -> bool:
    return None not in (stored, sent) and hmac.compare_digest(
        stored or b"", sent or b""
    )


def _invalid() -> RequestError:
    return RequestError(400, "code_invalid", "the verification code is invalid")


def _check_uuid(handle: str) -> str:
    try:
        return str(uuid.UUID(handle))
    except ValueError:
        raise RequestError(400, "unparsable_request", "uuid: expected a UUID") from None
