"""The project's own log vectors, checked by an implementation that shares no code."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cosignal.protocol.checkpoints import verify_checkpoint
from cosignal.protocol.errors import QuorumError
from cosignal.protocol.evidence import parse_evidence, verify_evidence
from cosignal.protocol.notes import parse_signer_key
from cosignal.protocol.policy import parse_policy
from cosignal.protocol.proofs import parse_proof, verify_proof
from tests.protocol import naive_log
from tests.vectors import generate_log

FILE = Path(__file__).parents[1] / "vectors" / "log.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_bytes())
ENTRIES = [f"entry {index}".encode() for index in range(300)]
VKEYS = [key["vkey"] for key in VECTORS["keys"]]
POLICY = parse_policy(VECTORS["policy"].encode())


def test_the_file_is_the_one_that_the_generator_writes() -> None:
    again = json.loads(json.dumps(generate_log.build()))

    assert again == VECTORS


def test_keys_are_derived_as_the_file_says() -> None:
    for key in VECTORS["keys"]:
        name, key_id, material = key["vkey"].split("+", 2)
        private = key["private"].removeprefix("PRIVATE+KEY+").split("+", 2)
        secret, public = (base64.b64decode(item) for item in (private[2], material))

        assert private[:2] == [name, key_id]
        assert secret[1:] == hashlib.sha256(name.encode()).digest()
        digest = hashlib.sha256(name.encode() + b"\n" + public)
        assert digest.hexdigest()[:8] == key_id
        assert (
            parse_signer_key(key["private"].encode()).verifier.encode() == key["vkey"]
        )


def test_trees_and_proofs_are_the_recursive_ones() -> None:
    tree = VECTORS["tree"]

    for size, root in tree["roots_hex"].items():
        assert naive_log.tree_hash(ENTRIES[: int(size)]).hex() == root
    for index, proof in tree["inclusion"].items():
        assert naive_log.path(int(index), ENTRIES) == decoded(proof)
    for old, proof in tree["consistency"].items():
        naive = naive_log.proof(int(old), ENTRIES) if int(old) else []
        assert naive == decoded(proof)


def test_tiles_and_bundles_are_those_of_both_published_sizes() -> None:
    files = naive_log.tile_files(ENTRIES, 200) | naive_log.tile_files(ENTRIES, 300)

    assert VECTORS["tree"]["files_sha256"] == {
        path: hashlib.sha256(data).hexdigest() for path, data in files.items()
    }


def test_signatures_hold_in_another_library() -> None:
    log, *cosigners = (vkey.split("+")[0] for vkey in VKEYS)

    assert naive_log.signers(VECTORS["note"], VKEYS) == [log]
    assert naive_log.signers(VECTORS["checkpoint"], VKEYS) == [log, *cosigners]
    text, _ = naive_log.read_note(VECTORS["checkpoint"])
    root = base64.b64encode(naive_log.tree_hash(ENTRIES)).decode()
    assert text == f"demo.cosignal.example/1\n300\n{root}\n"


def test_the_checkpoint_has_the_times_of_its_quorum() -> None:
    certified = verify_checkpoint(VECTORS["checkpoint"].encode(), POLICY)

    assert (certified.time, certified.fresh_time) == (1_764_000_001, 1_764_000_001)
    assert (VECTORS["time"], VECTORS["fresh_time"]) == (
        certified.time,
        certified.fresh_time,
    )
    with pytest.raises(QuorumError):
        verify_checkpoint(VECTORS["checkpoint_below_quorum"].encode(), POLICY)


def test_the_proof_leads_from_the_entry_to_the_signed_root() -> None:
    verify_proof(parse_proof(VECTORS["proof"].encode()), ENTRIES[42], POLICY)

    head, _, note = VECTORS["proof"].partition("\n\n")
    tag, index, *hashes = head.split("\n")
    assert (tag, index) == ("c2sp.org/tlog-proof@v1", "index 42")
    assert decoded(hashes) == naive_log.path(42, ENTRIES)
    assert len(naive_log.signers(note, VKEYS)) == 4


def test_the_evidence_convicts_those_it_names() -> None:
    for item in VECTORS["evidence"]:
        evidence = parse_evidence(item["text"].encode())
        names = [key.name for key in verify_evidence(evidence, POLICY).accused]
        assert names == item["accused"]
        digest = hashlib.sha256(item["text"].encode()).hexdigest()
        assert item["file_name"] == f"{digest}.evidence"

        both = [
            set(naive_log.signers(note.decode(), VKEYS))
            for note in (evidence.first, evidence.second)
        ]
        assert set(names) <= both[0] & both[1]
        first, second = (
            naive_log.read_note(note.decode())[0].split("\n")
            for note in (evidence.first, evidence.second)
        )
        assert first[0] == second[0]
        assert first[2] != second[2]


def decoded(items: list[str]) -> list[bytes]:
    return [base64.b64decode(item) for item in items]
