"""A log and its witnesses in memory, with a tree of any size and any signature."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from cosignal.protocol import merkle
from cosignal.protocol.checkpoints import Checkpoint, cosign, sign_checkpoint
from cosignal.protocol.errors import MalformedError
from cosignal.protocol.notes import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    Note,
    SignerKey,
    VerifierKey,
)
from cosignal.protocol.policy import Log, Witness

T = TypeVar("T")

ORIGIN = "sample.example/1"
NOW = 1_764_000_000


def signer(name: str, key_type: int) -> SignerKey:
    """Derive a key from its name and type."""
    seed = hashlib.sha256(f"{key_type} {name}".encode()).digest()
    return SignerKey(name, key_type, seed)


LOG = signer(ORIGIN, ALG_ED25519)
WITNESSES = [
    signer(f"authority-{i}.sample.example", ALG_COSIGNATURE) for i in range(1, 5)
]
STRANGER = signer("stranger.example", ALG_COSIGNATURE)


def witness_name(key: SignerKey | VerifierKey) -> str:
    return key.name.partition(".")[0]


def policy_of(
    witnesses: Sequence[SignerKey] = WITNESSES, quorum: int = 3, log: SignerKey = LOG
) -> bytes:
    """Text of a policy with one group."""
    names = [witness_name(key) for key in witnesses]
    lines = [f"log {log.verifier.encode()}"]
    lines += [
        f"witness {name} {key.verifier.encode()}"
        for name, key in zip(names, witnesses, strict=True)
    ]
    lines += [f"group authorities {quorum} {' '.join(names)}", "quorum authorities"]
    return "".join(f"{line}\n" for line in lines).encode()


def log_line() -> Log:
    return Log(LOG.verifier, "https://log.example/")


def witness_lines(keys: Sequence[SignerKey] = WITNESSES) -> list[Witness]:
    return [Witness(witness_name(key), key.verifier) for key in keys]


class Tree:
    """Leaf hashes, and every complete subtree above them."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self.leaves = [merkle.leaf_hash(entry) for entry in entries]
        self.size = len(self.leaves)

    def read(self, level: int, index: int) -> bytes:
        assert (index + 1) << level <= self.size
        return merkle.root(self.leaves[index << level : (index + 1) << level])

    def root(self, size: int | None = None) -> bytes:
        return merkle.root(self.leaves[:size])

    def inclusion(self, index: int) -> list[bytes]:
        return merkle.inclusion_proof(index, self.size, self.read)

    def consistency(self, old: int) -> list[bytes]:
        return merkle.consistency_proof(old, self.size, self.read)

    def prefix(self, old: int) -> tuple[bytes, ...]:
        return tuple(merkle.prefix_proof(old, self.size, self.read))


def entries(count: int, story: str = "entry") -> list[bytes]:
    return [f"{story} {index}".encode() for index in range(count)]


def checkpoint_note(
    checkpoint: Checkpoint,
    witnesses: Sequence[SignerKey] = WITNESSES,
    *,
    times: Sequence[int] = (),
    log: SignerKey | None = LOG,
) -> bytes:
    """A checkpoint signed by a log, or by none, and cosigned by witnesses."""
    text = checkpoint.text()
    logs = sign_checkpoint(checkpoint, log).signatures if log else ()
    times = times or [NOW] * len(witnesses)
    lines = [
        cosign(text, key, time) for key, time in zip(witnesses, times, strict=True)
    ]
    return Note(text, (*logs, *lines)).encode()


def tree_note(
    tree: Tree,
    witnesses: Sequence[SignerKey] = WITNESSES,
    *,
    log: SignerKey | None = LOG,
    origin: str = ORIGIN,
) -> bytes:
    return checkpoint_note(
        Checkpoint(origin, tree.size, tree.root()), witnesses, log=log
    )


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def parses_or_is_malformed(parse: Callable[[bytes], T], data: bytes) -> T | None:
    """Whatever the bytes are, a parser gives a value or a MalformedError."""
    try:
        return parse(data)
    except MalformedError:
        return None
