"""The log: what it orders, and what it does not."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cosignal.protocol.blocks import seal_block
from cosignal.protocol.chain import Chain
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.errors import (
    BodyMismatchError,
    MalformedError,
    RefusedError,
    SignatureInvalidError,
    UnavailableError,
)
from cosignal.protocol.keys import ALG_ED25519, SignerKey
from cosignal.server.ledger.clock_check import ClockCheck
from cosignal.server.ledger.sequencer import Sequencer
from tests.server.authorities import NETWORK, Authorities, authorities, some_keys
from tests.strategies import NOW, TODAY, counted_entropy


def signer_of(network: Authorities) -> SignerKey:
    return network.ledger(1).sealer._signer


def make_block(
    network: Authorities, keys: list[DiagnosisKey], signer: SignerKey | None = None
) -> tuple[bytes, bytes]:
    return seal_block(
        keys,
        salt=counted_entropy(keys[0].data.hex())(32),
        network=NETWORK,
        issuer="authority-1",
        region="R1",
        expires=NOW + 86_400,
        signer=signer or signer_of(network),
    )


def sequencer_of(network: Authorities) -> Sequencer:
    sequencer = network.ledger(1).sequencer
    assert sequencer is not None
    return sequencer


async def test_the_first_entry_is_the_genesis_policy(node: Authorities) -> None:
    entries = await node.ledger(1).holdings.tree.entries(0, 1)

    chain, verified = Chain.start(NETWORK, "1", node.policy).extend(entries)

    assert chain.size == 1
    assert verified[0].record_bytes == (node.folder / "genesis").read_bytes()


async def test_a_log_begins_at_once_whoever_brings_its_first_record(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path, 4) as network:
        # It waits for a quorum of the others, and so for this test.
        await network.start(1)
        sequencer = sequencer_of(network)
        heads = []
        sequencer.ready.set()
        with pytest.raises(UnavailableError, match="a log that has begun"):
            await sequencer.submit((network.folder / "genesis").read_bytes(), b"")
        while sequencer.log.size < 2:
            heads.append(sequencer.log.size)
            await asyncio.sleep(0)

    assert {0} == set(heads)


async def test_the_same_record_gets_the_same_place(node: Authorities) -> None:
    sequencer = sequencer_of(node)
    record, body = make_block(node, some_keys(10))

    together = await asyncio.gather(*(sequencer.submit(record, body) for _ in range(5)))
    later = await sequencer.submit(record, body)

    assert {*together, later} == {later}
    assert later.index == 2


async def test_many_records_at_once_get_places_in_a_row(node: Authorities) -> None:
    sequencer = sequencer_of(node)
    blocks = [make_block(node, some_keys(10, f"{i}")) for i in range(20)]

    ordered = await asyncio.gather(*(sequencer.submit(*block) for block in blocks))

    assert sorted(item.index for item in ordered) == list(range(2, 22))
    entries = await node.ledger(1).holdings.tree.entries(0, 22)
    chain, _ = Chain.start(NETWORK, "1", node.policy).extend(entries)
    assert chain.root() == sequencer.log.chain.root()


async def test_what_a_cosigner_would_refuse_is_not_ordered(node: Authorities) -> None:
    sequencer = sequencer_of(node)
    record, body = make_block(node, some_keys(10))
    stranger = replace(signer_of(node), seed=bytes(32))
    late = [replace(key, start=TODAY, period=144) for key in some_keys(10, "late")]

    with pytest.raises(MalformedError):
        await sequencer.submit(b"nonsense", b"")
    with pytest.raises(BodyMismatchError):
        await sequencer.submit(record, b"")
    with pytest.raises(BodyMismatchError):
        await sequencer.submit(record, body[:-1] + bytes([body[-1] ^ 1]))
    with pytest.raises(SignatureInvalidError):
        await sequencer.submit(*make_block(node, some_keys(10), stranger))
    with pytest.raises(BodyMismatchError):
        await sequencer.submit(*make_block(node, late))
    with pytest.raises(BodyMismatchError):
        await sequencer.submit(*make_block(node, some_keys(9)))
    assert sequencer.log.size == 2


async def test_a_bad_record_does_not_harm_the_others_of_its_batch(
    node: Authorities,
) -> None:
    sequencer = sequencer_of(node)
    good = [make_block(node, some_keys(10, f"good {i}")) for i in range(3)]
    bad = make_block(node, some_keys(5))

    results = await asyncio.gather(
        *(sequencer.submit(*block) for block in (*good, bad)), return_exceptions=True
    )

    assert [isinstance(item, Exception) for item in results] == [False] * 3 + [True]
    assert sequencer.log.size == 5


async def test_one_body_stands_in_the_log_once(node: Authorities) -> None:
    sequencer = sequencer_of(node)
    record, body = make_block(node, some_keys(10))
    other, _ = seal_block(
        some_keys(10),
        salt=body[:32],
        network=NETWORK,
        issuer="authority-1",
        region="R1",
        expires=NOW + 86_300,
        signer=signer_of(node),
    )
    await sequencer.submit(record, body)

    with pytest.raises(RefusedError, match="entry 2"):
        await sequencer.submit(other, body)


async def test_a_key_of_another_kind_signs_no_record(node: Authorities) -> None:
    stranger = SignerKey("someone.example/issuer", ALG_ED25519, bytes(32))

    with pytest.raises(SignatureInvalidError):
        await sequencer_of(node).submit(*make_block(node, some_keys(10), stranger))


def test_nothing_is_dated_while_clocks_disagree() -> None:
    clocks = ClockCheck(300)
    clocks.check(NOW, NOW + 300)
    clocks.observe("authority-2", NOW + 3600, NOW)
    clocks.observe("authority-3", NOW, NOW)

    with pytest.raises(UnavailableError, match="ahead"):
        clocks.check(NOW, NOW - 301)
    clocks.check(NOW)
    clocks.observe("authority-3", NOW - 3600, NOW)
    clocks.observe("authority-2", NOW - 3600, NOW)
    with pytest.raises(UnavailableError):
        clocks.check(NOW)


async def test_time_in_the_log_never_runs_backwards(node: Authorities) -> None:
    sequencer = sequencer_of(node)
    node.set_time(NOW - 200)

    await sequencer.submit(*make_block(node, some_keys(10)))

    assert sequencer.log.chain.last_time == NOW


async def test_a_restart_writes_missing_files_from_the_database(tmp_path: Path) -> None:
    async with authorities(tmp_path, 1) as network:
        await network.start_all()
        await network.publish(1, some_keys(3))
        await network.reach(3)
        folder = network.public(1) / "chain" / "1" / "tile"
        before = {p: p.read_bytes() for p in folder.rglob("*") if p.name == "3"}
        await network.stop(1)
        shutil.rmtree(folder)

        await network.start(1)
        await network.publish(1, some_keys(3, "more"))
        await network.reach(4)

        assert {len(data) > 0 for data in before.values()} == {True}
        status, data, _ = await network.get(1, "chain/1/tile/0/000.p/4")
        assert (status, len(data)) == (200, 128)
