"""What is published, and what never is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cosignal.protocol.checkpoints import cosign, merge_signatures
from cosignal.protocol.errors import (
    ConsistencyError,
    MalformedError,
    QuorumError,
    SignatureInvalidError,
)
from cosignal.protocol.evidence import parse_evidence, verify_evidence
from cosignal.protocol.notes import parse_note
from cosignal.server.ledger.durable_chain import DurableChain
from cosignal.server.ledger.means import Holdings
from cosignal.server.ledger.publisher import BehindError, Publisher, newest_signatures
from cosignal.server.ledger.steps import Steps
from cosignal.server.storage.database import Database
from cosignal.server.storage.files import DurableFiles
from cosignal.server.storage.heads import OWN
from tests.protocol.sample_chain import SampleChain


@dataclass
class Press:
    """A publisher on a real folder, with a chain of three entries."""

    chain: SampleChain
    folder: Path
    own: DurableChain
    publisher: Publisher

    @property
    def public(self) -> Path:
        return self.folder / "public" / "chain"

    async def hold(self) -> None:
        """Let the node hold everything that the chain has."""
        entries = self.chain.entries[self.own.size :]
        grown, verified = self.own.chain.extend(entries)
        note = self.chain.checkpoint(signers=[])
        await self.own.advance(grown, verified, entries, note=note, time=0)


def make_press(chain: SampleChain, folder: Path, database: Database) -> Press:
    files = DurableFiles(folder / "public")
    holdings = Holdings(database, files, "1", 1 << 20)
    own = DurableChain(
        OWN, database, chain.start(), tree=holdings.tree, bodies=holdings.bodies
    )
    publisher = Publisher(
        "chain/1",
        own=own,
        holdings=holdings,
        steps=Steps(lambda error: pytest.fail(str(error))),
    )
    return Press(chain, folder, own, publisher)


@pytest.fixture
async def press(tmp_path: Path) -> AsyncIterator[Press]:
    database = await Database.open(tmp_path / "x.sqlite", network="n", node="a")
    chain = SampleChain()
    chain.add(chain.block()[0])
    press = make_press(chain, tmp_path, database)
    await press.hold()
    yield press
    await database.close()


async def test_a_certified_checkpoint_is_published_after_its_files(
    press: Press,
) -> None:
    note = press.chain.checkpoint()

    assert await press.publisher.offer(note)

    assert (press.public / "1" / "checkpoint").read_bytes() == note
    assert (press.public / "1" / "tile" / "0" / "000.p" / "2").is_file()
    assert (press.public / "1" / "tile" / "entries" / "000.p" / "2").is_file()
    assert not await press.publisher.offer(note)


@pytest.mark.parametrize("signers", [[], [0], [0, 1], [2, 3]])
async def test_fewer_than_the_quorum_is_never_published(
    press: Press, signers: list[int]
) -> None:
    with pytest.raises(QuorumError):
        await press.publisher.offer(press.chain.checkpoint(signers=signers))

    assert not (press.public / "1" / "checkpoint").exists()


async def test_what_is_no_checkpoint_or_altered_is_refused(press: Press) -> None:
    note = press.chain.checkpoint()
    altered = note.replace(b"\n2\n", b"\n3\n", 1)

    with pytest.raises(MalformedError):
        await press.publisher.offer(b"x")
    with pytest.raises(SignatureInvalidError):
        await press.publisher.offer(altered)


async def test_a_smaller_checkpoint_does_not_replace_a_larger_one(
    press: Press,
) -> None:
    small = press.chain.checkpoint(1)
    large = press.chain.checkpoint(2)
    await press.publisher.offer(large)

    assert not await press.publisher.offer(small)
    assert press.publisher.data == large


async def test_more_and_newer_signatures_of_one_size_are_merged(press: Press) -> None:
    await press.publisher.offer(press.chain.checkpoint(signers=[0, 1, 2]))
    press.chain.now += 60
    later = press.chain.checkpoint(signers=[1, 2, 3])

    assert await press.publisher.offer(later)

    current = press.publisher.current
    assert current is not None
    now = press.chain.now
    assert current.cosignatures == (
        ("authority-1", now - 60),
        ("authority-2", now),
        ("authority-3", now),
        ("authority-4", now),
    )
    assert not await press.publisher.offer(press.chain.checkpoint(signers=[1, 2, 3]))


async def test_lines_of_unknown_signers_are_not_published(press: Press) -> None:
    note = parse_note(press.chain.checkpoint())
    stranger = SampleChain(members=5).cosigners[4]
    longer = merge_signatures(note, [cosign(note.text, stranger, press.chain.now)])

    await press.publisher.offer(longer.encode())

    assert press.publisher.data == note.encode()
    assert newest_signatures(longer, note, press.chain.trust) == note


async def test_a_tree_that_is_not_held_is_not_published(press: Press) -> None:
    press.chain.add(press.chain.block()[0])

    with pytest.raises(BehindError):
        await press.publisher.offer(press.chain.checkpoint())


async def test_a_certified_other_history_is_refused_and_kept_as_evidence(
    press: Press,
) -> None:
    await press.publisher.offer(press.chain.checkpoint())
    press.chain.entries.pop()
    press.chain.now += 1
    press.chain.add(press.chain.block()[0])

    with pytest.raises(ConsistencyError):
        await press.publisher.offer(press.chain.checkpoint())

    files = [path.read_bytes() for path in (press.public / "evidence").iterdir()]
    kinds = set()
    for data in files:
        statement = verify_evidence(parse_evidence(data), press.chain.trust)
        kinds.add(statement.kind)
        assert len(statement.accused) in (1, 4)
    assert kinds == {"log-equivocation", "cosigner-equivocation"}


async def test_a_restart_takes_up_what_is_published_unless_it_was_changed(
    press: Press,
) -> None:
    note = press.chain.checkpoint()
    await press.publisher.offer(note)
    press.publisher.current, press.publisher.data = None, b""

    await press.publisher.load()
    assert press.publisher.data == note

    path = press.public / "1" / "checkpoint"
    path.write_bytes(note.replace(b"\n2\n", b"\n1\n", 1))
    press.publisher.current, press.publisher.data = None, b""
    await press.publisher.load()
    assert press.publisher.data == b""
