import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.checkpoints import Checkpoint
from cosignal.protocol.errors import (
    InclusionError,
    MalformedError,
    QuorumError,
    UsageError,
    VerificationError,
)
from cosignal.protocol.policy import parse_policy
from cosignal.protocol.proofs import Proof, parse_proof, verify_proof
from tests.protocol.sample_log import (
    ORIGIN,
    WITNESSES,
    Tree,
    entries,
    flipped,
    parses_or_is_malformed,
    policy_of,
    tree_note,
)

ENTRIES = entries(300)
TREE = Tree(ENTRIES)
NOTE = tree_note(TREE, WITNESSES[:3])
POLICY = parse_policy(policy_of())


def proof_of(index: int, extra: bytes | None = None) -> Proof:
    return Proof(index, tuple(TREE.inclusion(index)), NOTE, extra)


@given(
    st.integers(0, (1 << 63) - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(min_size=1),
    st.one_of(st.none(), st.binary(min_size=1)),
)
def test_a_proof_survives_being_written_and_read(
    index: int, hashes: list[bytes], checkpoint: bytes, extra: bytes | None
) -> None:
    proof = Proof(index, tuple(hashes), checkpoint, extra)

    assert proof == parse_proof(proof.encode())


@given(st.one_of(st.binary(max_size=100), st.text("index 01extraA=\n", max_size=60)))
def test_what_parses_is_written_back_byte_for_byte(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()

    for each in (raw, b"c2sp.org/tlog-proof@v1\n" + raw):
        proof = parses_or_is_malformed(parse_proof, each)
        assert proof is None or proof.encode() == each


@pytest.mark.parametrize("index", [0, 42, 255, 256, 299])
def test_an_entry_is_proved_to_be_in_the_log(index: int) -> None:
    proof = parse_proof(proof_of(index, b"extra").encode())

    certified = verify_proof(proof, ENTRIES[index], POLICY)

    assert certified.checkpoint == Checkpoint(ORIGIN, 300, TREE.root())


@given(st.data())
def test_a_flipped_bit_proves_nothing(data: st.DataObject) -> None:
    text = proof_of(42).encode()
    bit = data.draw(st.integers(0, len(text) * 8 - 1))

    with pytest.raises((MalformedError, VerificationError)):
        verify_proof(parse_proof(flipped(text, bit)), ENTRIES[42], POLICY)


def test_another_entry_is_not_proved() -> None:
    with pytest.raises(InclusionError):
        verify_proof(proof_of(42), ENTRIES[43], POLICY)


def test_another_index_is_not_proved() -> None:
    proof = proof_of(42)

    for index in (0, 43, 299, 300):
        with pytest.raises(InclusionError):
            verify_proof(Proof(index, proof.hashes, NOTE), ENTRIES[42], POLICY)


def test_a_proof_without_a_quorum_is_refused() -> None:
    note = tree_note(TREE, WITNESSES[:2])
    proof = Proof(42, tuple(TREE.inclusion(42)), note)

    with pytest.raises(QuorumError):
        verify_proof(proof, ENTRIES[42], POLICY)


GOOD = proof_of(1).encode()


@pytest.mark.parametrize(
    "data",
    {
        "nothing": b"",
        "header only": b"c2sp.org/tlog-proof@v1\n\ncheckpoint",
        "another header": GOOD.replace(b"@v1", b"@v2"),
        "no checkpoint": GOOD.partition(b"\n\n")[0] + b"\n\n",
        "no index": GOOD.replace(b"index 1\n", b""),
        "leading zero": GOOD.replace(b"index 1\n", b"index 01\n"),
        "two extras": GOOD.replace(b"index", b"extra QQ==\nextra QQ==\nindex"),
        "empty extra": GOOD.replace(b"index", b"extra \nindex"),
        "extra after the index": GOOD.replace(b"index 1\n", b"index 1\nextra QQ==\n"),
        "short hash": GOOD.replace(b"index 1\n", b"index 1\nQQ==\n"),
        "64 hashes": Proof(1, (bytes(32),) * 64, NOTE).encode(),
        "bad utf-8": GOOD.replace(b"index", b"\xff"),
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_proof_is_refused(data: tuple[str, bytes]) -> None:
    with pytest.raises(MalformedError):
        parse_proof(data[1])


def test_a_proof_that_no_file_could_hold_is_not_made() -> None:
    with pytest.raises(UsageError):
        proof_of(1, b"")
    with pytest.raises(UsageError):
        Proof(1, (), b"")
