"""The intake of one node: its desks, and the broom that follows them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.record_kinds import PolicyRecord
from cosignal.server.clock import Clock, Entropy
from cosignal.server.config import Config
from cosignal.server.intake.certificates import Certificates
from cosignal.server.intake.chaff import RecentAnswers
from cosignal.server.intake.codes import Codes
from cosignal.server.intake.publish import Publisher
from cosignal.server.intake.receipts import ReceiptWriter
from cosignal.server.keyring import Keyring
from cosignal.server.logs import get_logger
from cosignal.server.storage.codes import forget_codes
from cosignal.server.storage.database import Database
from cosignal.server.storage.uploads import forget_uploads
from cosignal.server.storage.waiting_keys import WaitingKeys

_log = get_logger("intake")


@dataclass(frozen=True, slots=True)
class Intake:
    """Everything that people's requests need.

    Attributes:
        codes: Issues and redeems verification codes.
        certificates: Tokens and certificates.
        publisher: Takes keys.
        waiting: The keys that are not on the chain yet.
        verify_answers: Recent answers of `/api/verify`.
        certificate_answers: Recent answers of `/api/certificate`.
        publish_answers: Recent answers of `/v1/publish`.
    """

    codes: Codes
    certificates: Certificates
    publisher: Publisher
    waiting: WaitingKeys
    verify_answers: RecentAnswers
    certificate_answers: RecentAnswers
    publish_answers: RecentAnswers


def build_intake(
    config: Config,
    database: Database,
    keyring: Keyring,
    policy: Callable[[], PolicyRecord],
    *,
    clock: Clock,
    entropy: Entropy,
) -> Intake:
    """Put the intake together.

    Args:
        config: The node's configuration.
        database: Open.
        keyring: The node's secrets.
        policy: Gives the policy record in force.
        clock: Gives Unix seconds.
        entropy: Gives random bytes.

    Returns:
        The intake.
    """
    settings, node = config.intake, config.node
    certificates = Certificates(settings, database, keyring.certificate, clock)
    waiting = WaitingKeys(entropy)
    receipts = ReceiptWriter(node.network, node.name, keyring.issuer)
    return Intake(
        Codes(settings, database, keyring.codes, clock, entropy),
        certificates,
        Publisher(
            settings=settings,
            database=database,
            certificates=certificates,
            receipts=receipts,
            waiting=waiting,
            policy=policy,
            clock=clock,
        ),
        waiting,
        RecentAnswers(entropy, usual_bytes=600),
        RecentAnswers(entropy, usual_bytes=600),
        RecentAnswers(entropy, usual_bytes=450),
    )


async def sweep(intake: Intake, database: Database, now: int) -> None:
    """Forget codes, tokens, guesses, answers and keys that are no longer needed.

    Args:
        intake: Whose.
        database: Open.
        now: Unix seconds.
    """

    async def job(connection: AsyncConnection) -> None:
        await forget_codes(connection, now, intake.codes.window)
        await forget_uploads(connection, now)
        await intake.waiting.forget(connection)

    await database.write(job)


async def keep_sweeping(
    intake: Intake, database: Database, clock: Clock, seconds: int
) -> None:
    """Sweep again and again until cancelled.

    Args:
        intake: Whose codes.
        database: Open.
        clock: Gives Unix seconds.
        seconds: Pause between two sweeps.
    """
    while True:
        try:
            await sweep(intake, database, clock())
        except Exception as error:  # noqa: BLE001 - the next sweep may succeed
            _log.error("sweep_failed", error=error)
        await asyncio.sleep(seconds)
