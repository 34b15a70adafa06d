from pathlib import Path

import pytest

from cosignal.client.verify import (
    check_chain,
    check_evidence,
    check_proof,
    fetch_entry,
    is_evidence,
)
from cosignal.protocol.errors import (
    InclusionError,
    MalformedError,
    QuorumError,
    UnavailableError,
    VerificationError,
)
from cosignal.protocol.evidence import find_evidence
from cosignal.protocol.merkle import inclusion_proof, leaf_hash
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.proofs import Proof
from cosignal.protocol.records import BlockRecord
from tests.client.followers import opened
from tests.network_in_memory import NetworkInMemory, sample_keys


def network_of(blocks: int = 3) -> NetworkInMemory:
    network = NetworkInMemory()
    for _ in range(blocks):
        network.block()
    network.publish()
    return network


def proof_of(network: NetworkInMemory, index: int, note: bytes = b"") -> bytes:
    leaves = [leaf_hash(entry) for entry in network.entries]

    def read(level: int, place: int) -> bytes:
        return merkle_root(leaves[place << level : (place + 1) << level])

    hashes = inclusion_proof(index, len(leaves), read)
    return Proof(index, tuple(hashes), note or network.checkpoint()).encode()


def test_an_entry_is_proven() -> None:
    network = network_of()

    proven = check_proof(proof_of(network, 2), network.entries[2], network.pinned)

    assert isinstance(proven.record, BlockRecord)
    assert (proven.entry.index, proven.certified.checkpoint.size) == (2, 4)


def test_another_entry_is_not_proven() -> None:
    network = network_of()

    with pytest.raises(InclusionError):
        check_proof(proof_of(network, 2), network.entries[1], network.pinned)


def test_a_proof_without_quorum_proves_nothing() -> None:
    network = network_of()
    proof = proof_of(network, 2, network.checkpoint(signers=[1, 2]))

    with pytest.raises(QuorumError):
        check_proof(proof, network.entries[2], network.pinned)


def test_an_entry_that_says_another_index_is_not_proven() -> None:
    network = network_of()
    entry = network.add(network.revocation(), index=9)

    with pytest.raises(InclusionError, match="index 4"):
        check_proof(proof_of(network, 4), entry, network.pinned)


@pytest.mark.parametrize("index", [0, 2, 299])
async def test_a_proofs_entry_is_found_on_the_chain(index: int) -> None:
    network = network_of(1)
    for _ in range(298):
        network.add(network.revocation())
    network.publish()

    entry = await fetch_entry(network, proof_of(network, index))

    assert entry == network.entries[index]


async def test_a_proof_beyond_its_own_tree_is_refused() -> None:
    network = network_of()
    proof = Proof(4, (), network.checkpoint()).encode()

    with pytest.raises(InclusionError, match="less than the size 4"):
        await fetch_entry(network, proof)


@pytest.mark.parametrize("origin", ["memory.example/..", "memory.example", "a/1?b="])
async def test_a_proof_whose_origin_names_no_shard_is_refused(origin: str) -> None:
    network = network_of()
    note = network.checkpoint().replace(b"memory.example/1\n", f"{origin}\n".encode())

    with pytest.raises(MalformedError, match="origin"):
        await fetch_entry(network, Proof(0, (), note).encode())


def test_evidence_is_told_from_a_proof_and_checked() -> None:
    network = network_of()
    fork = network.fork()
    network.block(sample_keys(20, "a"))
    fork.block(sample_keys(20, "b"))
    (evidence, _) = find_evidence(
        network.checkpoint(), fork.checkpoint(), network.pinned
    )

    assert is_evidence(evidence.encode())
    assert not is_evidence(proof_of(network, 1))
    assert check_evidence(evidence.encode(), network.pinned).accused
    with pytest.raises(MalformedError):
        check_evidence(b"", network.pinned)


def test_evidence_that_convicts_nobody_is_false() -> None:
    network = network_of()
    fork = network.fork()
    network.block(sample_keys(20, "a"))
    fork.block(sample_keys(20, "b"))
    (evidence, _) = find_evidence(
        network.checkpoint(), fork.checkpoint(), network.pinned
    )
    innocent = network.change_policy(shards=["2"]).trust

    with pytest.raises(VerificationError):
        check_evidence(evidence.encode(), innocent)


async def test_a_whole_chain_is_checked(tmp_path: Path) -> None:
    network = network_of()
    with opened(tmp_path, network) as store:
        synced = await check_chain(network, store, network.now)

    assert (synced.entries, synced.bodies) == (4, 3)


async def test_a_chain_that_lacks_a_body_is_not_as_claimed(tmp_path: Path) -> None:
    network = network_of()
    network.drop(next(path for path in network.published if "/body/" in path))

    with (
        opened(tmp_path, network) as store,
        pytest.raises(UnavailableError, match="1 are missing"),
    ):
        await check_chain(network, store, network.now)
