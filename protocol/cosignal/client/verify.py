"""Check somebody's claim: a proof file, an evidence file, or a whole chain.

What this module guarantees:

* Each check believes nothing but the policy it is given.
* Each returns what was found true, or raises what is false.
"""

from dataclasses import dataclass

from cosignal.client.disputes import head_of, shard_of
from cosignal.client.downloads import fetch_bundle
from cosignal.client.follower import Follower, Progress, Synced, silent
from cosignal.client.sources import Source
from cosignal.client.store import Store
from cosignal.protocol import proofs
from cosignal.protocol.checkpoints import CertifiedCheckpoint
from cosignal.protocol.entries import Entry, parse_entry
from cosignal.protocol.errors import InclusionError, UnavailableError
from cosignal.protocol.evidence import TAG as EVIDENCE_TAG
from cosignal.protocol.evidence import Statement, parse_evidence, verify_evidence
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import Record, parse_record
from cosignal.protocol.tiles import TILE_WIDTH, Bundle


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry that a quorum certified.

    Attributes:
        entry: Its envelope.
        record: What it says.
        certified: The checkpoint of the tree that holds it.
    """

    entry: Entry
    record: Record
    certified: CertifiedCheckpoint


def is_evidence(data: bytes) -> bool:
    """Whether a file says of itself that it is evidence."""
    return data.startswith(EVIDENCE_TAG.encode())


def check_evidence(data: bytes, policy: Policy) -> Statement:
    """Check an evidence file offline.

    Args:
        data: The file.
        policy: Whose keys count.

    Returns:
        Who lied about what.

    Raises:
        VerificationError: It proves nothing.
        MalformedError: It is no evidence file.
    """
    return verify_evidence(parse_evidence(data), policy)


def check_proof(data: bytes, entry: bytes, policy: Policy) -> ProvenEntry:
    """Check a proof file offline.

    Args:
        data: The `.tlog-proof` file.
        entry: The entry's bytes.
        policy: Whom to believe.

    Returns:
        The entry, proven.

    Raises:
        VerificationError: It is not proven.
        MalformedError: The proof or the entry is in another form.
    """
    proof = proofs.parse_proof(data)
    certified = proofs.verify_proof(proof, entry, policy)
    parsed = parse_entry(entry)
    # The chain's first rule; a quorum that certified it otherwise would be lying.
    if parsed.index != proof.index:
        raise InclusionError(
            f"entry: expected one that says index {proof.index}, got {parsed.index}"
        )
    return ProvenEntry(parsed, parse_record(parsed.record).record, certified)


async def fetch_entry(source: Source, data: bytes) -> bytes:
    """Read the entry that a proof file is about; the proof will judge it.

    Args:
        source: A node, a mirror, or a folder.
        data: The `.tlog-proof` file.

    Returns:
        The entry's bytes.

    Raises:
        SourceError: It cannot be had.
        MalformedError: The proof or the bundle is in another form.
        InclusionError: The proof names an entry that its own tree does not hold.
    """
    proof = proofs.parse_proof(data)
    head = head_of(proof.checkpoint)
    if proof.index >= head.size:
        raise InclusionError(
            f"index: expected less than the size {head.size}, got {proof.index}"
        )
    number, place = divmod(proof.index, TILE_WIDTH)
    width = min(TILE_WIDTH, head.size - number * TILE_WIDTH)
    entries = await fetch_bundle(source, shard_of(head), Bundle(number, width))
    return entries[place]


async def check_chain(
    source: Source, store: Store, now: int, progress: Progress = silent
) -> Synced:
    """Read a whole chain and check all of it, bodies included.

    Args:
        source: A node, a mirror, or a folder.
        store: Empty, so that nothing is believed beforehand.
        now: Unix seconds.
        progress: Told about long work.

    Returns:
        What was read.

    Raises:
        UnavailableError: A body that has not expired is missing; those who co-signed
            said that they hold it.
        CosignalError: As `Follower.sync` says.
    """
    synced = await Follower(store, source, progress=progress).sync(now)
    if synced.error is not None:
        raise synced.error
    if synced.missing:
        raise UnavailableError(
            f"{synced.missing[0].path}: expected a body that has not expired, got none "
            f"({len(synced.missing)} are missing)",
            advice="Ask another authority's node; each that co-signed must have it.",
        )
    return synced
