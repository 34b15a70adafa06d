import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import MalformedError, VerificationError
from cosignal.protocol.evidence import (
    COSIGNER_EQUIVOCATION,
    INCONSISTENT,
    KINDS,
    LOG_EQUIVOCATION,
    Evidence,
    find_evidence,
    parse_evidence,
    verify_evidence,
)
from cosignal.protocol.notes import ALG_ED25519, SignerKey, parse_note, sign_note
from cosignal.protocol.policy import parse_policy
from tests.protocol.sample_log import (
    LOG,
    ORIGIN,
    STRANGER,
    WITNESSES,
    Tree,
    entries,
    flipped,
    parses_or_is_malformed,
    policy_of,
    signer,
    tree_note,
)

POLICY = parse_policy(policy_of())
TRUE = Tree(entries(9))
TRUE_START = Tree(entries(6))
LIE = Tree(entries(9, "lie"))
LIE_START = Tree(entries(6, "lie"))
HALF = WITNESSES[:2]
OTHER_HALF = WITNESSES[2:]


def test_a_log_that_signs_two_roots_for_one_size_is_convicted() -> None:
    evidence = Evidence(
        LOG_EQUIVOCATION, tree_note(TRUE, HALF), tree_note(LIE, OTHER_HALF)
    )

    statement = verify_evidence(parse_evidence(evidence.encode()), POLICY)

    assert statement.accused == (LOG.verifier,)
    assert (statement.first.root, statement.second.root) == (TRUE.root(), LIE.root())
    assert f"{ORIGIN} signed two histories" in statement.text()


def test_a_witness_that_cosigns_two_roots_for_one_size_is_convicted() -> None:
    first = tree_note(TRUE, WITNESSES[:3])
    second = tree_note(LIE, WITNESSES[2:], log=None)
    evidence = Evidence(COSIGNER_EQUIVOCATION, first, second)

    statement = verify_evidence(evidence, POLICY)

    assert statement.accused == (WITNESSES[2].verifier,)
    assert "authority-3" in statement.text()


@pytest.mark.parametrize("size", range(1, 9))
def test_a_tree_that_does_not_extend_a_smaller_one_convicts(size: int) -> None:
    smaller = Tree(entries(size, "lie"))
    first = tree_note(smaller, WITNESSES[:3])
    second = tree_note(TRUE, WITNESSES[1:])
    evidence = Evidence(INCONSISTENT, first, second, TRUE.prefix(size))

    statement = verify_evidence(parse_evidence(evidence.encode()), POLICY)

    assert statement.accused == (
        LOG.verifier,
        WITNESSES[1].verifier,
        WITNESSES[2].verifier,
    )


def test_two_keys_of_one_log_that_contradict_each_other_convict_the_log() -> None:
    other = SignerKey(ORIGIN, ALG_ED25519, bytes(32))
    policy = parse_policy(f"log {other.verifier.encode()}\n".encode() + policy_of())
    first, second = tree_note(TRUE, HALF), tree_note(LIE, OTHER_HALF, log=other)

    (evidence,) = find_evidence(first, second, policy)

    assert verify_evidence(evidence, policy).accused == (LOG.verifier, other.verifier)


def test_all_evidence_in_two_notes_is_found() -> None:
    first, second = tree_note(TRUE, WITNESSES[:3]), tree_note(LIE, WITNESSES[1:])

    found = find_evidence(first, second, POLICY)

    assert [item.kind for item in found] == [LOG_EQUIVOCATION, COSIGNER_EQUIVOCATION]


def test_the_smaller_note_comes_first_whatever_the_order() -> None:
    first, second = tree_note(LIE_START), tree_note(TRUE)
    proof = TRUE.prefix(6)

    one_way = find_evidence(first, second, POLICY, proof)

    assert [item.kind for item in one_way] == [INCONSISTENT]
    assert one_way == find_evidence(second, first, POLICY, proof)


def test_honest_notes_convict_nobody() -> None:
    start, end = tree_note(TRUE_START, HALF), tree_note(TRUE, OTHER_HALF)

    assert find_evidence(start, end, POLICY, TRUE.prefix(6)) == ()
    assert find_evidence(end, tree_note(TRUE, HALF), POLICY) == ()


E1 = Evidence(LOG_EQUIVOCATION, tree_note(TRUE, HALF), tree_note(LIE, HALF))
E3 = Evidence(
    INCONSISTENT, tree_note(LIE_START, HALF), tree_note(TRUE, HALF), TRUE.prefix(6)
)
OTHER_LOG = signer("other.example/1", ALG_ED25519)
BAD_LINE = tree_note(LIE, HALF[:1]) + E1.first.splitlines(keepends=True)[-1]

NOTHING = {
    "the same note twice": Evidence(LOG_EQUIVOCATION, E1.first, E1.first),
    "the same tree, other cosigners": Evidence(
        LOG_EQUIVOCATION, E1.first, tree_note(TRUE, OTHER_HALF)
    ),
    "another size": Evidence(LOG_EQUIVOCATION, E3.first, E3.second),
    "hashes that nobody asked for": Evidence(
        LOG_EQUIVOCATION, E1.first, E1.second, E3.proof
    ),
    "the log signed one of them only": Evidence(
        LOG_EQUIVOCATION, E1.first, tree_note(LIE, HALF, log=None)
    ),
    "no witness signed both": Evidence(
        COSIGNER_EQUIVOCATION, E1.first, tree_note(LIE, OTHER_HALF)
    ),
    "only a stranger signed both": Evidence(
        COSIGNER_EQUIVOCATION, tree_note(TRUE, [STRANGER]), tree_note(LIE, [STRANGER])
    ),
    "another log": Evidence(
        COSIGNER_EQUIVOCATION,
        E1.first,
        tree_note(LIE, HALF, log=OTHER_LOG, origin=OTHER_LOG.name),
    ),
    "a cosignature that does not verify": Evidence(
        COSIGNER_EQUIVOCATION, E1.first, BAD_LINE
    ),
    "a tree that does extend the other": Evidence(
        INCONSISTENT, tree_note(TRUE_START, HALF), E3.second, E3.proof
    ),
    "no hashes": Evidence(INCONSISTENT, E3.first, E3.second),
    "hashes of another tree": Evidence(
        INCONSISTENT, E3.first, E3.second, LIE.prefix(6)
    ),
    "hashes of a tree that nobody signed": Evidence(
        INCONSISTENT, E3.first, E3.second, Tree(entries(9, "third")).prefix(6)
    ),
    "hashes for another size": Evidence(
        INCONSISTENT, E3.first, E3.second, TRUE.prefix(5)
    ),
    "the larger one first": Evidence(INCONSISTENT, E3.second, E3.first, E3.proof),
    "nobody signed both": Evidence(
        INCONSISTENT, E3.first, tree_note(TRUE, OTHER_HALF, log=None), E3.proof
    ),
    "an empty tree": Evidence(
        INCONSISTENT, tree_note(Tree([])), E3.second, TRUE.prefix(6)
    ),
}


@pytest.mark.parametrize("case", NOTHING)
def test_evidence_that_proves_nothing_is_refused(case: str) -> None:
    with pytest.raises(VerificationError):
        verify_evidence(parse_evidence(NOTHING[case].encode()), POLICY)


def test_a_log_is_not_convicted_by_another_origins_checkpoints() -> None:
    policy = parse_policy(f"log {OTHER_LOG.verifier.encode()}\n".encode() + policy_of())
    first, second = (
        sign_note(parse_note(tree_note(tree)).text, OTHER_LOG).encode()
        for tree in (TRUE, LIE)
    )

    assert find_evidence(first, second, policy) == ()


@pytest.mark.parametrize("evidence", [E1, E3], ids=lambda item: item.kind)
@given(data=st.data())
def test_a_flipped_bit_never_convicts_another(
    evidence: Evidence, data: st.DataObject
) -> None:
    text = evidence.encode()
    truth = verify_evidence(evidence, POLICY)
    bit = data.draw(st.integers(0, len(text) * 8 - 1))
    try:
        statement = verify_evidence(parse_evidence(flipped(text, bit)), POLICY)
    except (MalformedError, VerificationError):
        return

    # What a changed name or key ID leaves is still true.
    assert set(statement.accused) <= set(truth.accused)
    assert (statement.first, statement.second) == (truth.first, truth.second)


@given(
    st.sampled_from(KINDS),
    st.binary(max_size=50),
    st.binary(max_size=50),
    st.lists(st.binary(min_size=32, max_size=32), max_size=64),
)
def test_evidence_survives_being_written_and_read(
    kind: str, first: bytes, second: bytes, proof: list[bytes]
) -> None:
    evidence = Evidence(kind, first, second, tuple(proof))

    assert evidence == parse_evidence(evidence.encode())
    digest = hashlib.sha256(evidence.encode()).hexdigest()
    assert f"{digest}.evidence" == evidence.file_name


@given(st.one_of(st.binary(max_size=100), st.text("kind notes01A=\n", max_size=60)))
def test_what_parses_is_written_back_byte_for_byte(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()

    for head in (b"", b"cosignal/evidence/v1\nkind inconsistent\n"):
        evidence = parses_or_is_malformed(parse_evidence, head + raw)
        assert evidence is None or evidence.encode() == head + raw


TEXT = E1.encode()


@pytest.mark.parametrize(
    "data",
    {
        "nothing": b"",
        "another tag": TEXT.replace(b"evidence/v1", b"evidence/v2"),
        "another kind": TEXT.replace(b"log-equiv", b"new-equiv"),
        "no notes line": TEXT.replace(b"notes ", b"sizes "),
        "one size": TEXT.replace(b"notes ", b"notes 1\nnotes "),
        "cut short": TEXT[:-1],
        "longer": TEXT + b"\n",
        "no hash": TEXT.replace(b"\n\n", b"\nAAAA\n\n", 1),
        "65 hashes": Evidence(INCONSISTENT, b"", b"", (bytes(32),) * 65).encode(),
        "bad utf-8": TEXT.replace(b"kind", b"\xff"),
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_evidence_is_refused(data: tuple[str, bytes]) -> None:
    with pytest.raises(MalformedError):
        parse_evidence(data[1])


def test_notes_that_are_no_checkpoints_are_malformed() -> None:
    with pytest.raises(MalformedError):
        verify_evidence(Evidence(LOG_EQUIVOCATION, b"text", b"text"), POLICY)
    with pytest.raises(MalformedError):
        find_evidence(E1.first, b"", POLICY)
