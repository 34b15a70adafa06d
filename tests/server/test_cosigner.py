"""What an authority co-signs, and what it keeps as evidence."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from cosignal.protocol.bodies import commit as commit_of
from cosignal.protocol.checkpoints import (
    Checkpoint,
    cosignature_time,
    sign_checkpoint,
    verified_signers,
)
from cosignal.protocol.errors import FatalError
from cosignal.protocol.evidence import parse_evidence, verify_evidence
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.merkle import consistency_proof, leaf_hash, root
from cosignal.protocol.notes import Note, NoteSignature, parse_note, parse_signatures
from cosignal.protocol.records import ConfigurationRecord, sign_record
from cosignal.server.ledger.bodies import Bodies
from cosignal.server.ledger.cosigner import Cosigner
from cosignal.server.ledger.durable_chain import DurableChain
from cosignal.server.ledger.evidence import MOST_FILES, EvidenceFolder
from cosignal.server.ledger.peers import Answer
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.ledger.steps import Steps
from cosignal.server.ledger.tree import Tree
from cosignal.server.ledger.witness import Submission
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles
from cosignal.server.storage.heads import OWN, Head, replace_head
from cosignal.server.storage.ledger_tables import signed_heads
from tests.protocol.reference_set import reference_set
from tests.protocol.sample_chain import NETWORK, SampleChain
from tests.server.authorities import ManualClock
from tests.strategies import NOW


@dataclass
class ServedLog:
    """What the log serves; a test changes it to lie."""

    chain: SampleChain
    bodies: dict[bytes, bytes] = field(default_factory=dict)
    own: bool = False

    async def entries(self, start: int, size: int) -> list[bytes]:
        return self.chain.entries[start:size]

    async def body(self, commit: bytes) -> bytes | None:
        return self.bodies.get(commit)

    def publish(self, count: int = 20, **envelope: object) -> None:
        """Order one block and serve its body."""
        record, body = self.chain.block(reference_set(count, len(self.chain.entries)))
        self.chain.add(record, **envelope)
        self.bodies[commit_of(body)] = body

    def submission(self, old: int, size: int | None = None) -> bytes:
        leaves = [leaf_hash(entry) for entry in self.chain.entries]
        size = len(leaves) if size is None else size
        checkpoint = Checkpoint(f"{NETWORK}/1", size, root(leaves[:size]))
        note = sign_checkpoint(checkpoint, self.chain.log)
        proof = consistency_proof(
            old, size, lambda level, i: root(leaves[i << level : (i + 1) << level])
        )
        return Submission(old, tuple(proof), note, checkpoint).encode()


@dataclass
class Bench:
    """One cosigner on a real database and folder."""

    log: ServedLog
    folder: Path
    clock: ManualClock
    database: Database
    failures: list[FatalError]
    cosigner: Cosigner

    async def ask(self, data: bytes) -> Answer:
        return await self.cosigner.respond(data)

    async def signed(self) -> list[tuple[int, bytes]]:
        query = select(signed_heads.c.size, signed_heads.c.root)
        async with self.database.read() as connection:
            return [(row.size, row.root) for row in await connection.execute(query)]

    def evidence(self) -> list[bytes]:
        folder = self.folder / "public" / "chain" / "evidence"
        return [path.read_bytes() for path in folder.glob("*.evidence")]


async def make_cosigner(
    log: ServedLog, folder: Path, clock: ManualClock, database: Database
) -> Bench:
    public = PublicFiles(DurableFiles(folder / "public"), 1 << 20)
    tree = Tree(database, public, "chain/1")
    bodies = Bodies(database, public, "chain/1")
    own = DurableChain(OWN, database, log.chain.start(), tree=tree, bodies=bodies)
    await tree.load()
    await own.load()
    failures: list[FatalError] = []
    cosigner = Cosigner(
        own,
        log,
        bodies,
        EvidenceFolder(public, tree),
        log.chain.cosigners[0],
        clock=clock,
        skew_seconds=300,
        steps=Steps(failures.append),
    )
    cosigner.ready.set()
    return Bench(log, folder, clock, database, failures, cosigner)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    database = await Database.open(tmp_path / "x.sqlite", network="n", node="a")
    log = ServedLog(SampleChain())
    yield await make_cosigner(log, tmp_path, ManualClock(), database)
    await database.close()


@pytest.mark.parametrize(
    ("version", "signers", "status"),
    [
        (1, 3, HTTPStatus.OK),
        (1, 2, HTTPStatus.UNPROCESSABLE_ENTITY),
        (2, 4, HTTPStatus.UNPROCESSABLE_ENTITY),
    ],
)
async def test_a_configuration_is_cosigned_only_if_its_quorum_and_version_are_right(
    bench: Bench, version: int, signers: int, status: HTTPStatus
) -> None:
    chain = bench.log.chain
    record = ConfigurationRecord(NETWORK, version, ExposureConfiguration())
    chain.add(sign_record(record, *chain.issuers[:signers]))

    answer = await bench.ask(bench.log.submission(0))

    assert status == answer.status, answer.body
    in_force = record if status == HTTPStatus.OK else None
    assert in_force == bench.cosigner.own.chain.configuration


async def test_a_valid_tree_is_cosigned_once_it_is_durable(bench: Bench) -> None:
    bench.log.publish()

    answer = await bench.ask(bench.log.submission(0))

    assert answer.status == HTTPStatus.OK
    note = parse_note(bench.log.submission(0).partition(b"\n\n")[2])
    signed = Note(note.text, parse_signatures(answer.body))
    _, times = verified_signers(signed, bench.log.chain.trust)
    assert times == {"authority-1": bench.clock.now}
    assert await bench.signed() == [(2, bench.cosigner.own.chain.root())]
    for commit, body in bench.log.bodies.items():
        path = bench.folder / "public" / "chain" / "1" / "body" / commit.hex()
        assert path.read_bytes() == body


async def test_the_same_tree_is_cosigned_again_with_a_newer_time(bench: Bench) -> None:
    first = await bench.ask(bench.log.submission(0))
    bench.clock.now += 3_600

    again = await bench.ask(bench.log.submission(1))

    times = [cosignature_time(*parse_signatures(item.body)) for item in (first, again)]
    assert times == [bench.clock.now - 3_600, bench.clock.now]
    assert len(await bench.signed()) == 1


async def test_after_a_restart_the_same_signature_is_shown(bench: Bench) -> None:
    bench.log.publish()
    await bench.ask(bench.log.submission(0))
    shown = bench.cosigner.latest()

    again = await make_cosigner(bench.log, bench.folder, bench.clock, bench.database)

    assert shown is not None
    assert again.cosigner.latest() == shown
    bench.log.publish()
    assert (await again.ask(again.log.submission(2))).status == HTTPStatus.OK


async def test_a_wrong_old_size_is_answered_with_the_right_one(bench: Bench) -> None:
    bench.log.publish()
    await bench.ask(bench.log.submission(0))
    bench.log.publish()

    answer = await bench.ask(bench.log.submission(1))

    assert answer == Answer(HTTPStatus.CONFLICT, "text/x.tlog.size", b"2\n")


def with_another_body(log: ServedLog) -> None:
    log.publish()
    log.bodies = dict.fromkeys(log.bodies, bytes(100))


def without_a_body(log: ServedLog) -> None:
    log.publish()
    log.bodies.clear()


def with_an_unsigned_record(log: ServedLog) -> None:
    log.chain.add(b"x")


RULE = HTTPStatus.UNPROCESSABLE_ENTITY
LIES: dict[str, tuple[Callable[[ServedLog], None], HTTPStatus]] = {
    "too few keys": (lambda log: log.publish(9), RULE),
    "another predecessor": (lambda log: log.publish(prev=bytes(32)), RULE),
    "a time from the future": (lambda log: log.publish(time=NOW + 301), RULE),
    "another body": (with_another_body, RULE),
    "no body": (without_a_body, HTTPStatus.SERVICE_UNAVAILABLE),
    "an unsigned record": (with_an_unsigned_record, RULE),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_block_that_breaks_a_rule_is_never_cosigned(
    bench: Bench, lie: str
) -> None:
    await bench.ask(bench.log.submission(0))
    tell, status = LIES[lie]
    tell(bench.log)

    answer = await bench.ask(bench.log.submission(1))

    assert answer.status == status
    assert [size for size, _ in await bench.signed()] == [1]


async def test_old_sequencing_times_are_accepted_after_an_outage(bench: Bench) -> None:
    bench.log.publish()
    bench.clock.now += 7_200

    assert (await bench.ask(bench.log.submission(0))).status == HTTPStatus.OK


async def test_a_record_stands_in_the_log_once(bench: Bench) -> None:
    record, body = bench.log.chain.block()
    bench.log.bodies[commit_of(body)] = body
    bench.log.chain.add(record)
    bench.log.chain.add(record)

    answer = await bench.ask(bench.log.submission(0))

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert await bench.signed() == []


@pytest.mark.parametrize("size", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("more", [0, 1, 3])
async def test_a_log_with_two_stories_is_refused_and_leaves_evidence(
    bench: Bench, size: int, more: int
) -> None:
    while len(bench.log.chain.entries) < size:
        bench.log.publish()
    await bench.ask(bench.log.submission(0))
    held = bench.cosigner.own.chain.root()
    del bench.log.chain.entries[size - 1 :]
    bench.log.chain.now += 1
    for _ in range(1 + more):
        bench.log.publish()

    answer = await bench.ask(bench.log.submission(size))

    assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert await bench.signed() == [(size, held)]
    found = [parse_evidence(data) for data in bench.evidence()]
    if size.bit_count() > 1 or not more:
        statement = verify_evidence(found[0], bench.log.chain.trust)
        assert [key.name for key in statement.accused] == [f"{NETWORK}/1"]


async def test_one_lie_in_endless_variants_does_not_fill_the_disk(
    bench: Bench,
) -> None:
    while len(bench.log.chain.entries) < 3:
        bench.log.publish()
    await bench.ask(bench.log.submission(0))
    bench.log.chain.entries.pop()
    bench.log.chain.now += 1
    bench.log.publish()
    lie = bench.log.submission(3)

    for number in range(MOST_FILES + 5):
        stranger = NoteSignature("stranger.example", number.to_bytes(4), bytes(64))
        answer = await bench.ask(lie + stranger.encode())
        assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY

    assert len(bench.evidence()) == 1


async def test_one_lie_against_endless_newer_checkpoints_does_not_fill_the_disk(
    bench: Bench,
) -> None:
    while len(bench.log.chain.entries) < 3:
        bench.log.publish()
    honest = bench.log.submission(3)
    await bench.ask(bench.log.submission(0))
    bench.log.chain.entries.pop()
    bench.log.chain.now += 1
    bench.log.publish()
    lie = bench.log.submission(3)

    for _ in range(MOST_FILES + 5):
        bench.clock.now += 1
        assert (await bench.ask(honest)).status == HTTPStatus.OK
        assert (await bench.ask(lie)).status == HTTPStatus.UNPROCESSABLE_ENTITY

    assert len(bench.evidence()) == MOST_FILES


async def test_nothing_is_signed_before_the_others_were_asked(bench: Bench) -> None:
    bench.cosigner.ready.clear()

    answer = await bench.ask(bench.log.submission(0))

    assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert bench.cosigner.latest() is None


async def test_a_full_disk_signs_nothing_and_the_next_try_succeeds(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: object) -> None:
        raise OperationalError("COMMIT", None, Exception("disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(bench.database, "write_at_once", full)
        refused = await bench.ask(bench.log.submission(0))
    accepted = await bench.ask(bench.log.submission(0))

    assert refused.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert accepted.status == HTTPStatus.OK


async def test_two_requests_at_once_are_judged_one_after_the_other(
    bench: Bench,
) -> None:
    bench.log.publish()
    small, large = bench.log.submission(0, 1), bench.log.submission(0)

    answers = await asyncio.gather(bench.ask(small), bench.ask(large))

    assert [item.status for item in answers] == [HTTPStatus.OK, HTTPStatus.CONFLICT]
    assert bench.cosigner.own.size == 1


async def test_another_writer_of_the_database_is_fatal(bench: Bench) -> None:
    await bench.ask(bench.log.submission(0))
    head = bench.cosigner.own.head
    assert head is not None

    changed = Head(2, bytes(32), 0, head.chain, head.note)
    await bench.database.write_at_once(
        lambda connection: replace_head(connection, OWN, head, changed)
    )
    bench.log.publish()

    with pytest.raises(FatalError):
        await bench.ask(bench.log.submission(1))
    assert len(bench.failures) == 1


async def test_a_damaged_database_is_refused_at_the_start(bench: Bench) -> None:
    bench.log.publish()
    await bench.ask(bench.log.submission(0))

    async def damage(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql(
            "UPDATE entries SET leaf = zeroblob(32) WHERE position = 1"
        )

    await bench.database.write(damage)

    with pytest.raises(FatalError, match="leaves"):
        await make_cosigner(bench.log, bench.folder, bench.clock, bench.database)
