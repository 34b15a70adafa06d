"""Which parameters phones weigh by, where they stand, and how that is proved later.

What this module guarantees:

* Every configuration that the chain ever held is kept with its place, so a phone can
  name the one that raised an alert long after another took its place.
* `prove` needs no network: nobody learns which alert is being proved. What it gives is
  checked offline by `cosignal verify` and by `verify_configuration`, which believe
  nothing but a policy.

A network that never set a configuration has none in force; its phones then raise no
alerts. An alert keeps version, shard and index; the entry stays on the chain for ever.

Source: docs/reference/protocol.md, "Configuration".
"""

from dataclasses import dataclass

from cosignal.client.disputes import head_of, shard_of
from cosignal.client.paths import shard_prefix
from cosignal.client.state import State
from cosignal.client.store import Store
from cosignal.client.verify import check_proof
from cosignal.protocol.errors import UsageError, VerificationError
from cosignal.protocol.merkle import inclusion_proof, leaf_hash
from cosignal.protocol.merkle import root as merkle_root
from cosignal.protocol.policy import Policy
from cosignal.protocol.proofs import Proof
from cosignal.protocol.records import ConfigurationRecord, parse_record


@dataclass(frozen=True, slots=True)
class StandingConfiguration:
    """A configuration and where it stands.

    Attributes:
        shard: The shard that holds it.
        index: Its entry there.
        record: Version and parameters.
        data: The signed record, as it stands in the entry.
    """

    shard: str
    index: int
    record: ConfigurationRecord
    data: bytes


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry, and the proof that a quorum certified it.

    Attributes:
        proof: A C2SP `.tlog-proof` file.
        entry: The entry's bytes.
    """

    proof: bytes
    entry: bytes


def configurations(state: State) -> tuple[StandingConfiguration, ...]:
    """All configurations that a follower has verified, oldest first."""
    found = []
    for item in state.configurations:
        record = parse_record(item.record).record
        if isinstance(record, ConfigurationRecord):
            found.append(
                StandingConfiguration(item.shard, item.index, record, item.record)
            )
    return tuple(found)


def configuration_in_force(state: State) -> StandingConfiguration | None:
    """The newest configuration; None where the network never set one."""
    found = configurations(state)
    return found[-1] if found else None


def prove(store: Store, shard: str, index: int) -> EntryProof:
    """Make a proof of an entry out of what a follower keeps.

    Args:
        store: Has verified the entry.
        shard: The shard that holds it.
        index: The entry, from 0.

    Returns:
        The same kind of proof as a node gives, for the newest checkpoint of the shard
        that the store holds.

    Raises:
        UsageError: The store has not verified such an entry.
        DamagedError: Entries that were verified are not there any more.
    """
    note, size = _end_of(store.state, shard)
    if not 0 <= index < size:
        raise UsageError(f"index: expected 0 to {size - 1}, got {index}")
    entries = list(store.entries(shard, 0, size))
    # All of them, once for a proof: a hundredth of a second for thousands, and nothing
    # that would have to be kept.
    leaves = [leaf_hash(entry) for entry in entries]
    if merkle_root(leaves) != head_of(note).root:
        raise store.damaged(f"{shard_prefix(shard)}/tile/entries")

    def read(level: int, place: int) -> bytes:
        return merkle_root(leaves[place << level : (place + 1) << level])

    hashes = inclusion_proof(index, size, read)
    return EntryProof(Proof(index, tuple(hashes), note).encode(), entries[index])


def verify_configuration(
    proof: bytes, entry: bytes, policy: Policy
) -> StandingConfiguration:
    """Check offline that a configuration stood on the chain.

    Args:
        proof: A `.tlog-proof` file, from `prove` or from a node.
        entry: The entry's bytes.
        policy: Whom to believe: in force at the end of the proof's checkpoint.

    Returns:
        The configuration and its place.

    Raises:
        VerificationError: It is not proven, or is no configuration.
        MalformedError: Proof or entry are in another form.
    """
    proven = check_proof(proof, entry, policy)
    if not isinstance(proven.record, ConfigurationRecord):
        raise VerificationError(
            f"entry {proven.entry.index}: expected a configuration record, got another "
            "kind"
        )
    shard = shard_of(proven.certified.checkpoint)
    return StandingConfiguration(
        shard, proven.entry.index, proven.record, proven.entry.record
    )


def _end_of(state: State, shard: str) -> tuple[bytes, int]:
    """The newest checkpoint of a shard that was followed, and its size."""
    notes = {item.shard: (item.note, item.size) for item in state.ended}
    if state.note is not None:
        notes[state.chain.shard] = (state.note, state.chain.size)
    if shard not in notes:
        raise UsageError(f"shard: expected one followed, got {shard!r}")
    return notes[shard]
