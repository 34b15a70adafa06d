"""Write `log.json`: one log of 300 entries with everything that its formats can say.

Run `python -m tests.vectors.generate_log` from the repository's root. The keys are
derived from public text, so that other implementations can make the same bytes.
`tests/protocol/test_log_vectors.py` checks the file with a second implementation.
"""

import hashlib
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from cosignal.protocol import merkle
from cosignal.protocol.checkpoints import (
    Checkpoint,
    cosign,
    sign_checkpoint,
    verify_checkpoint,
)
from cosignal.protocol.evidence import Evidence, verify_evidence
from cosignal.protocol.notes import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    Note,
    SignerKey,
    sign_note,
)
from cosignal.protocol.policy import (
    Log,
    Policy,
    Witness,
    authorities_policy,
    parse_policy,
)
from cosignal.protocol.proofs import Proof
from cosignal.protocol.tiles import (
    bundles_between,
    entry_bundle,
    tile_data,
    tiles_between,
)

NETWORK = "demo.cosignal.example"
ORIGIN = f"{NETWORK}/1"
TIME = 1_764_000_000
SIZE = 300
FORK = 200
ENTRIES = [f"entry {index}".encode() for index in range(SIZE)]
FORKED = [*ENTRIES[:150], *(b"forked " + entry for entry in ENTRIES[150:])]


def signer(name: str, key_type: int) -> SignerKey:
    """The key whose seed is the SHA-256 of its name."""
    return SignerKey(name, key_type, hashlib.sha256(name.encode()).digest())


LOG = signer(ORIGIN, ALG_ED25519)
COSIGNERS = [signer(f"authority-{i}.{NETWORK}", ALG_COSIGNATURE) for i in range(1, 5)]


def reader(entries: list[bytes]) -> merkle.Reader:
    leaves = [merkle.leaf_hash(entry) for entry in entries]

    def read(level: int, index: int) -> bytes:
        return merkle.root(leaves[index << level : (index + 1) << level])

    return read


def checkpoint(entries: list[bytes], cosigners: list[SignerKey]) -> bytes:
    """A signed checkpoint; each cosigner's clock is a second ahead of the last."""
    root = merkle.root(map(merkle.leaf_hash, entries))
    note = sign_checkpoint(Checkpoint(ORIGIN, len(entries), root), LOG)
    lines = [cosign(note.text, key, TIME + i) for i, key in enumerate(cosigners)]
    return Note(note.text, (*note.signatures, *lines)).encode()


def policy_text() -> bytes:
    witnesses = [
        Witness(f"authority-{i}", key.verifier, f"https://authority-{i}.{NETWORK}")
        for i, key in enumerate(COSIGNERS, 1)
    ]
    return authorities_policy(
        Log(LOG.verifier, f"https://authority-1.{NETWORK}"), witnesses
    )


def base64s(items: list[bytes]) -> list[str]:
    return [b64encode(item).decode() for item in items]


def tree() -> dict[str, Any]:
    read = reader(ENTRIES)
    roots = {
        size: merkle.root(map(merkle.leaf_hash, ENTRIES[:size])).hex()
        for size in (0, 1, 2, 3, 7, 8, 200, 255, 256, 257, 300)
    }
    return {
        "roots_hex": roots,
        "inclusion": {
            index: base64s(merkle.inclusion_proof(index, SIZE, read))
            for index in (0, 42, 255, 256, 299)
        },
        "consistency": {
            old: base64s(merkle.consistency_proof(old, SIZE, read))
            for old in (0, 1, 200, 256, 299, 300)
        },
        "files_sha256": {
            path: hashlib.sha256(data).hexdigest() for path, data in files().items()
        },
    }


def files() -> dict[str, bytes]:
    """Every tile and bundle of the log, and those left over from when it had 200."""
    read = reader(ENTRIES)
    found: dict[str, bytes] = {}
    for old, new in ((0, FORK), (FORK, SIZE)):
        found |= {item.path: tile_data(item, read) for item in tiles_between(old, new)}
        found |= {
            item.path: entry_bundle(ENTRIES[item.start : item.start + item.width])
            for item in bundles_between(old, new)
        }
    return found


def evidence(policy: Policy) -> list[dict[str, Any]]:
    first, second = COSIGNERS[:3], COSIGNERS[1:]
    items = [
        Evidence(
            "log-equivocation",
            checkpoint(ENTRIES, first[:1]),
            checkpoint(FORKED, second[2:]),
        ),
        Evidence(
            "cosigner-equivocation",
            checkpoint(ENTRIES, first),
            checkpoint(FORKED, second),
        ),
        Evidence(
            "inconsistent",
            checkpoint(FORKED[:FORK], first),
            checkpoint(ENTRIES, second),
            tuple(merkle.prefix_proof(FORK, SIZE, reader(ENTRIES))),
        ),
    ]
    return [
        {
            "text": item.encode().decode(),
            "file_name": item.file_name,
            "accused": [key.name for key in verify_evidence(item, policy).accused],
        }
        for item in items
    ]


def build() -> dict[str, Any]:
    """Everything in the file."""
    policy = parse_policy(policy_text())
    certified = verify_checkpoint(checkpoint(ENTRIES, COSIGNERS), policy)
    proof = Proof(
        42,
        tuple(merkle.inclusion_proof(42, SIZE, reader(ENTRIES))),
        checkpoint(ENTRIES, COSIGNERS[:3]),
    )
    text = b"A text.\n\nWith a second paragraph.\n"
    return {
        "about": "entries: b'entry <index>'; an Ed25519 seed is SHA-256(key name)",
        "keys": [
            {"private": key.encode(), "vkey": key.verifier.encode()}
            for key in (LOG, *COSIGNERS)
        ],
        "note": sign_note(text, LOG).encode().decode(),
        "policy": policy_text().decode(),
        "checkpoint": checkpoint(ENTRIES, COSIGNERS).decode(),
        "time": certified.time,
        "fresh_time": certified.fresh_time,
        "checkpoint_below_quorum": checkpoint(ENTRIES, COSIGNERS[:2]).decode(),
        "tree": tree(),
        "proof": proof.encode().decode(),
        "evidence": evidence(policy),
    }


def main() -> None:
    """Replace the file beside this module."""
    text = json.dumps(build(), indent=1, ensure_ascii=False)
    Path(__file__).with_name("log.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
