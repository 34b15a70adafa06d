import re
from pathlib import Path

import pytest

from cosignal.client.folders import Folder
from cosignal.client.paths import body_path, checkpoint_path, policy_path
from cosignal.client.store import Store
from cosignal.protocol.errors import (
    ConsistencyError,
    NotFoundError,
    QuorumError,
    RefusedError,
    SplitViewError,
    StaleError,
    VerificationError,
)
from cosignal.protocol.evidence import (
    COSIGNER_EQUIVOCATION,
    INCONSISTENT,
    LOG_EQUIVOCATION,
    parse_evidence,
    verify_evidence,
)
from cosignal.protocol.policy import parse_policy
from tests.client.followers import opened, snapshot, sync
from tests.network_in_memory import RETENTION, NetworkInMemory, sample_keys
from tests.protocol.sample_chain import SampleChain

CHECKPOINT = checkpoint_path("1")
DAY = 86400


def network_of(blocks: int = 3, members: int = 4) -> NetworkInMemory:
    network = NetworkInMemory(members)
    for number in range(blocks):
        network.block(issuer=1 + number % members)
    network.publish()
    return network


def evidence_in(folder: Path, ending: str = ".evidence") -> list[bytes]:
    files = sorted((folder / "chain/evidence").glob(f"*{ending}"))
    return [path.read_bytes() for path in files]


async def test_a_first_sync_verifies_everything_and_keeps_the_bodies(
    tmp_path: Path,
) -> None:
    network = network_of(3)

    synced = await sync(tmp_path, network)

    assert (synced.entries, synced.bodies, synced.missing) == (4, 3, ())
    with opened(tmp_path, network) as store:
        assert [block.index for block in store.blocks] == [1, 2, 3]
        assert all(store.body(block) for block in store.blocks)


async def test_a_second_sync_fetches_only_what_is_new(tmp_path: Path) -> None:
    network = network_of(300)
    await sync(tmp_path, network)
    block = network.block()
    network.publish()
    network.requests.clear()

    synced = await sync(tmp_path, network)

    assert (synced.entries, synced.bodies) == (1, 1)
    assert [
        CHECKPOINT,
        "chain/1/tile/entries/001.p/46",
        body_path("1", block.commit),
    ] == network.requests


async def test_the_full_bundle_is_read_where_the_partial_one_is_gone(
    tmp_path: Path,
) -> None:
    network = network_of(3)
    old = network.published[CHECKPOINT]
    for _ in range(300):
        network.block()
    network.publish()
    network.change(CHECKPOINT, lambda _: old)
    network.drop("chain/1/tile/entries/000.p/4")

    synced = await sync(tmp_path, network)

    assert synced.entries == 4


async def test_only_bodies_of_the_regions_asked_for_are_fetched(tmp_path: Path) -> None:
    network = network_of(4)

    synced = await sync(tmp_path, network, regions=frozenset({"R2", "R4"}))

    assert (synced.entries, synced.bodies, synced.missing) == (5, 2, ())


async def test_an_erased_body_is_no_fault(tmp_path: Path) -> None:
    network = network_of(2)
    network.now += RETENTION
    network.expire()
    network.publish()

    synced = await sync(tmp_path, network)

    assert (synced.entries, synced.bodies, synced.missing) == (3, 0, ())


async def test_a_body_that_a_source_withholds_is_reported_and_found_elsewhere(
    tmp_path: Path,
) -> None:
    network = network_of(2)
    with opened(tmp_path / "other", network):
        pass
    path = next(item for item in network.published if "/body/" in item)
    network.drop(path)

    poor = await sync(tmp_path, network)
    network.honest()
    rich = await sync(tmp_path, network)

    assert [path] == [block.path for block in poor.missing]
    assert (rich.bodies, rich.missing) == (1, ())


async def test_bodies_are_erased_when_they_expire(tmp_path: Path) -> None:
    network = network_of(1)
    await sync(tmp_path, network)
    network.now += RETENTION - 5
    kept = network.block()
    network.publish()
    await sync(tmp_path, network)
    network.now += 5
    network.publish()

    synced = await sync(tmp_path, network)

    assert synced.erased == 1
    assert [kept.commit.hex()] == [
        p.name for p in (tmp_path / "chain/1/body").iterdir()
    ]


async def test_a_body_damaged_on_disk_is_fetched_again(tmp_path: Path) -> None:
    network = network_of(1)
    await sync(tmp_path, network)
    (path,) = (tmp_path / "chain/1/body").iterdir()
    path.write_bytes(path.read_bytes()[:-1])

    with opened(tmp_path, network) as store:
        assert store.body(store.blocks[0]) is None
    synced = await sync(tmp_path, network)

    assert synced.bodies == 1


async def test_a_policy_change_is_followed_from_old_to_new_members(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    await sync(tmp_path, network)
    network.change_policy([1, 2, 5, 6])
    network.change_policy([5, 6, 7, 8])
    network.block(issuer=5)
    network.publish()

    await sync(tmp_path, network)
    fresh = await sync(tmp_path / "new", network)

    assert fresh.entries == 5
    with opened(tmp_path, network) as store:
        assert store.state.chain.policy == network.policy


async def test_a_policy_that_the_old_quorum_did_not_sign_is_refused(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    await sync(tmp_path, network)
    thieves = NetworkInMemory()
    thieves.block()
    thieves.change_policy([5, 6, 7, 8])
    thieves.publish()
    # The thieves' policy carries only their own signatures.
    thieves.change(policy_path(2), lambda data: _only(data, "authority-[5678]"))
    before = snapshot(tmp_path)

    with pytest.raises(VerificationError):
        await sync(tmp_path, network, source=thieves)

    after = snapshot(tmp_path)
    assert before == {path: after[path] for path in before}


async def test_strangers_cannot_begin_the_chain_below_the_true_tlog_policy(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    strangers = network.fork()
    strangers.usurp()
    strangers.publish()

    with pytest.raises(ConsistencyError, match="policy 1"):
        await sync(tmp_path, network, source=strangers)

    assert (await sync(tmp_path, network)).entries == 2


async def test_a_bare_tlog_policy_believes_none_but_its_own_witnesses(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    strangers = network.fork()
    network.pinned = parse_policy(network.policy.trust_text.encode())
    strangers.usurp()
    strangers.publish()

    with pytest.raises(QuorumError):
        await sync(tmp_path, network, source=strangers)

    await sync(tmp_path, network)
    network.change_policy([5, 6, 7, 8])
    network.publish()
    assert (await sync(tmp_path, network)).certified.checkpoint.size == 3


async def test_shards_are_followed_seal_by_seal(tmp_path: Path) -> None:
    network = network_of(2)
    await sync(tmp_path, network)
    network.next_shard()
    network.block(issuer=3)
    network.publish()
    network.next_shard()
    network.block(issuer=4)
    network.publish()

    followed = await sync(tmp_path, network)
    fresh = await sync(tmp_path / "new", network)

    assert (followed.entries, fresh.entries) == (8, 11)
    assert fresh.bodies == 4
    with opened(tmp_path, network) as store:
        assert store.state.shards == ["1", "2", "3"]
        assert [block.shard for block in store.blocks] == ["1", "1", "2", "3"]


async def test_a_sealed_shard_may_be_old_when_the_next_one_is_fresh(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    network.next_shard()
    network.now += 3 * DAY
    network.publish()

    synced = await sync(tmp_path, network)

    assert (
        f"{network.pinned.logs[0].origin[:-1]}2" == synced.certified.checkpoint.origin
    )


async def test_a_sealed_shard_whose_successor_is_withheld_becomes_stale(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    network.next_shard()
    await sync(tmp_path, network)

    with pytest.raises(StaleError):
        await sync(tmp_path, network, now=network.now + DAY + 1)


async def test_a_shard_without_entries_yet_is_followed_once(tmp_path: Path) -> None:
    network = network_of(1)
    network.next_shard()
    network.entries.clear()
    network.publish()

    synced = await sync(tmp_path, network)

    head = synced.certified.checkpoint
    assert (head.origin, head.size) == ("memory.example/2", 0)
    with opened(tmp_path, network) as store:
        assert store.state.shards == ["1", "2"]


async def test_a_revoked_block_is_known_as_such(tmp_path: Path) -> None:
    network = network_of(0)
    wrong, right = network.block(issuer=2), network.block(issuer=3)
    network.revoke(wrong, issuer=2)
    network.revoke(right, issuer=2)  # not its issuer: without effect
    network.publish()

    await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        assert [store.revoked(block) for block in store.blocks] == [True, False]


async def test_a_stale_checkpoint_is_refused(tmp_path: Path) -> None:
    network = network_of(1)

    with pytest.raises(StaleError):
        await sync(tmp_path, network, now=network.now + DAY + 1)

    assert evidence_in(tmp_path, "") == []


async def test_a_smaller_checkpoint_of_the_same_history_is_refused_without_accusation(
    tmp_path: Path,
) -> None:
    network = network_of(2)
    behind = network.fork()
    network.block()
    network.publish()
    await sync(tmp_path, network)

    with pytest.raises(ConsistencyError, match="size"):
        await sync(tmp_path, network, source=behind)

    assert evidence_in(tmp_path, "") == []


async def test_a_checkpoint_without_a_quorum_is_refused_and_kept(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    await sync(tmp_path, network)
    network.block()
    note = network.publish(signers=[1, 2])

    with pytest.raises(QuorumError):
        await sync(tmp_path, network)

    assert [note] == evidence_in(tmp_path, ".refused")
    with opened(tmp_path, network) as store:
        assert store.state.chain.size == 2


async def test_a_thief_with_the_log_key_and_no_quorum_convicts_the_log(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    thief = network.fork()
    network.block(sample_keys(20, "true"))
    network.publish()
    thief.block(sample_keys(20, "false"))
    thief.publish(signers=[])
    await sync(tmp_path, network)

    with pytest.raises(SplitViewError) as caught:
        await sync(tmp_path, network, source=thief)

    (evidence,) = evidence_in(tmp_path)
    assert caught.value.evidence == evidence
    statement = verify_evidence(parse_evidence(evidence), network.pinned)
    assert statement.kind == LOG_EQUIVOCATION


@pytest.mark.parametrize(("ours", "theirs"), [(1, 300), (300, 1), (2, 1), (1, 2)])
async def test_a_fork_of_another_size_leaves_evidence(
    tmp_path: Path, ours: int, theirs: int
) -> None:
    network = network_of(1)
    fork = network.fork()
    for history, length, seed in ((network, ours, "a"), (fork, theirs, "b")):
        for number in range(length):
            history.block(sample_keys(20, f"{seed}{number}"))
        history.publish()
    await sync(tmp_path, network)

    with pytest.raises(SplitViewError):
        await sync(tmp_path, network, source=fork)

    (evidence,) = evidence_in(tmp_path)
    statement = verify_evidence(parse_evidence(evidence), network.pinned)
    assert statement.kind == INCONSISTENT
    assert len(statement.accused) == 5


async def test_a_fork_that_a_quorum_signed_convicts_the_signers_too(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    fork = network.fork()
    network.block(sample_keys(20, "a"))
    fork.block(sample_keys(20, "b"))
    network.publish(signers=[1, 2, 3])
    fork.publish(signers=[2, 3, 4])
    await sync(tmp_path, network)

    with pytest.raises(SplitViewError):
        await sync(tmp_path, network, source=fork)

    statements = [
        verify_evidence(parse_evidence(data), network.pinned)
        for data in evidence_in(tmp_path)
    ]
    accused = {item.kind: {key.name for key in item.accused} for item in statements}
    assert {LOG_EQUIVOCATION, COSIGNER_EQUIVOCATION} == accused.keys()
    assert {
        "authority-2.memory.example",
        "authority-3.memory.example",
    } == accused[COSIGNER_EQUIVOCATION]


def _only(data: bytes, pattern: str) -> bytes:
    """A note with only those signatures whose name matches."""
    text, lines = data.rsplit(b"\n\n", 1)
    kept = [
        line
        for line in lines.splitlines(keepends=True)
        if re.search(pattern.encode(), line)
    ]
    return text + b"\n\n" + b"".join(kept)


async def test_a_fresher_checkpoint_of_the_same_size_takes_the_place(
    tmp_path: Path,
) -> None:
    network = network_of(1)
    old = network.published[CHECKPOINT]
    await sync(tmp_path, network)
    network.now += 3600
    new = network.publish()
    await sync(tmp_path, network)
    network.change(CHECKPOINT, lambda _: old)
    await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        assert new == store.state.note


async def test_a_source_without_a_chain_is_said_to_have_none(tmp_path: Path) -> None:
    network = NetworkInMemory()

    with pytest.raises(NotFoundError):
        await sync(tmp_path, network)


async def test_a_folder_of_another_network_is_refused(tmp_path: Path) -> None:
    network = network_of(1)
    await sync(tmp_path, network)

    with pytest.raises(RefusedError, match="network"):
        Store(Folder(tmp_path), SampleChain().trust)


async def test_two_followers_cannot_hold_one_folder(tmp_path: Path) -> None:
    network = network_of(1)

    with opened(tmp_path, network), pytest.raises(RefusedError, match="in use"):
        await sync(tmp_path, network)
