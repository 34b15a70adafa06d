"""What a follower remembers between two runs, as one JSON file.

What this module guarantees:

* `parse_state(encode_state(state), pinned)` is the same state.
* A state of another network, of another one of the same name, or one that was cut
  short, is refused; so is one in which a bit has changed, for else every source would
  seem to lie.
* A state of version 1 is read as well; see `chain_state`.
* The pinned policy is never read from the file, so whoever can write the folder cannot
  change whom the follower trusts first.

When the file is written is for `store` to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from cosignal.protocol.chain import FIRST_SHARD, Chain
from cosignal.protocol.chain_state import dump_chain, load_chain
from cosignal.protocol.errors import MalformedError, RefusedError, UsageError
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import PolicyRecord, parse_record

STATE_VERSION = 2
_WITHOUT_CONFIGURATIONS = 1

_ADVICE = (
    "Delete the folder or file and sync again; nothing of the chain is irreplaceable."
)


@dataclass(frozen=True, slots=True)
class EndedShard:
    """A shard that was followed to its seal.

    Attributes:
        shard: Its name.
        size: Its final number of entries.
        note: Its final certified checkpoint.
    """

    shard: str
    size: int
    note: bytes


@dataclass(frozen=True, slots=True)
class AdoptedRecord:
    """A policy or configuration record, and where it stands.

    Attributes:
        shard: The shard that holds it.
        index: Its entry there.
        record: The signed record.
    """

    shard: str
    index: int
    record: bytes


@dataclass(frozen=True, slots=True)
class State:
    """Everything verified so far, but entries and bodies.

    Attributes:
        chain: The verifier of the current shard.
        note: Its newest certified checkpoint; None before the first.
        ended: Shards before it, oldest first.
        policies: All policy records, oldest first.
        configurations: All configuration records, oldest first.
        revoked: Issuer and commitment of every revocation.
        live: Shard and index of the first entry whose body may still be kept.
    """

    chain: Chain
    note: bytes | None = None
    ended: tuple[EndedShard, ...] = ()
    policies: tuple[AdoptedRecord, ...] = ()
    configurations: tuple[AdoptedRecord, ...] = ()
    revoked: frozenset[tuple[str, bytes]] = frozenset()
    live: tuple[str, int] = (FIRST_SHARD, 0)

    @property
    def shards(self) -> list[str]:
        """Names of all shards followed, oldest first."""
        return [*(item.shard for item in self.ended), self.chain.shard]

    def size_of(self, shard: str) -> int:
        """Number of verified entries in one of `shards`."""
        sizes = {item.shard: item.size for item in self.ended}
        return sizes.get(shard, self.chain.size)


class _Ended(msgspec.Struct, forbid_unknown_fields=True):
    shard: str
    size: int
    note: bytes


class _Adopted(msgspec.Struct, forbid_unknown_fields=True):
    shard: str
    index: int
    record: bytes


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    chain: msgspec.Raw
    note: bytes | None
    ended: list[_Ended]
    policies: list[_Adopted]
    revoked: list[tuple[str, bytes]]
    live: tuple[str, int]
    configurations: list[_Adopted] = []
    #: SHA-256 of the file without it; states written before it came have none.
    check: bytes = b""

    def digest(self) -> bytes:
        bare = msgspec.structs.replace(self, check=b"")
        return sha256(msgspec.json.encode(bare)).digest()


def start_state(pinned: Policy) -> State:
    """Know nothing yet but whom to trust.

    Args:
        pinned: The network's tlog-policy; its log names the first shard.

    Returns:
        A state without entries.

    Raises:
        UsageError: The policy is not that of a network's first shard.
    """
    return State(Chain.start(network_of(pinned), FIRST_SHARD, pinned))


def network_of(pinned: Policy) -> str:
    """Read the network's name out of its pinned policy.

    Args:
        pinned: A tlog-policy that lists the log `<network>/1`.

    Returns:
        The network's name.

    Raises:
        UsageError: No such log, or several.
    """
    ending = f"/{FIRST_SHARD}"
    origins = {log.origin for log in pinned.logs if log.origin.endswith(ending)}
    if len(origins) != 1:
        raise UsageError(
            f"policy: expected one log whose origin ends in {ending}, "
            f"got {len(origins)}",
            advice="Pin the policy that the network published at its start.",
        )
    return origins.pop().removesuffix(ending)


def encode_state(state: State) -> bytes:
    """Write a state for `parse_state`; JSON, so that a person can read it."""
    file = _File(
        STATE_VERSION,
        msgspec.Raw(dump_chain(state.chain)),
        state.note,
        [_Ended(item.shard, item.size, item.note) for item in state.ended],
        _written(state.policies),
        sorted(state.revoked),
        state.live,
        _written(state.configurations),
    )
    return msgspec.json.encode(msgspec.structs.replace(file, check=file.digest()))


def parse_state(data: bytes, pinned: Policy) -> State:
    """Read what `encode_state` wrote.

    Args:
        data: The file.
        pinned: The tlog-policy that the follower trusts from the start.

    Returns:
        The state.

    Raises:
        MalformedError: Not a state of this version or the one before.
        RefusedError: The state of another network, by its name or by its first policy.
    """
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError(f"state: {error}", advice=_ADVICE) from None
    if file.version not in (STATE_VERSION, _WITHOUT_CONFIGURATIONS):
        raise MalformedError(
            f"state: expected version {STATE_VERSION}, got {file.version}",
            advice=_ADVICE,
        )
    if file.check and file.check != file.digest():
        raise MalformedError(
            "state: expected what was written, got something else", advice=_ADVICE
        )
    chain = load_chain(bytes(file.chain), pinned)
    if chain.network != network_of(pinned):
        raise RefusedError(
            f"state: expected network {network_of(pinned)}, got {chain.network}",
            advice="Use one folder or file for each network.",
        )
    policies = _adopted(file.policies)
    _check_first(policies, pinned)
    state = State(
        chain,
        file.note,
        ended=tuple(
            EndedShard(item.shard, item.size, item.note) for item in file.ended
        ),
        policies=policies,
        configurations=_adopted(file.configurations),
        revoked=frozenset(file.revoked),
        live=file.live,
    )
    if bool(file.configurations) != (chain.configuration is not None):
        raise MalformedError(
            "state: configurations: expected the one in force", advice=_ADVICE
        )
    if bool(file.policies) != (chain.policy is not None):
        raise MalformedError(
            "state: policies: expected the one in force", advice=_ADVICE
        )
    if file.live[0] not in state.shards:
        raise MalformedError("state: live: expected one of its shards", advice=_ADVICE)
    return state


def _check_first(policies: tuple[AdoptedRecord, ...], pinned: Policy) -> None:
    """Refuse a chain that another policy file of the same network's name begins."""
    if not policies:
        return
    try:
        first = parse_record(policies[0].record).record
    except MalformedError as error:
        raise MalformedError(f"state: policies: {error}", advice=_ADVICE) from None
    if not isinstance(first, PolicyRecord) or not first.begins(pinned):
        raise RefusedError(
            "state: expected the chain that this policy file begins, got another",
            advice="Check that the policy is this network's file. "
            "Use one folder or file for each network.",
        )


def _written(items: Iterable[AdoptedRecord]) -> list[_Adopted]:
    return [_Adopted(item.shard, item.index, item.record) for item in items]


def _adopted(items: Iterable[_Adopted]) -> tuple[AdoptedRecord, ...]:
    return tuple(AdoptedRecord(item.shard, item.index, item.record) for item in items)
