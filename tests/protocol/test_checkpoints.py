from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.checkpoints import (
    CertifiedCheckpoint,
    Checkpoint,
    check_fresh,
    cosign,
    cosignature_time,
    merge_signatures,
    parse_checkpoint_text,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignature,
    verify_log_signature,
)
from cosignal.protocol.errors import (
    ConsistencyError,
    MalformedError,
    QuorumError,
    SignatureInvalidError,
    StaleError,
    UsageError,
    VerificationError,
)
from cosignal.protocol.merkle import EMPTY_ROOT
from cosignal.protocol.notes import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    Note,
    NoteSignature,
    parse_note,
)
from cosignal.protocol.policy import parse_policy
from tests.protocol import naive_log
from tests.protocol.sample_log import (
    LOG,
    NOW,
    ORIGIN,
    STRANGER,
    WITNESSES,
    checkpoint_note,
    flipped,
    parses_or_is_malformed,
    policy_of,
    signer,
)

HEAD = Checkpoint(ORIGIN, 20852163, bytes(range(32)))
POLICY = parse_policy(policy_of())
NOTE = checkpoint_note(HEAD, times=[NOW + 5, NOW + 1, NOW + 9, NOW + 3])


@given(
    st.text("abc./ é+", min_size=1),
    st.integers(0, (1 << 63) - 1),
    st.binary(min_size=32, max_size=32),
)
def test_a_text_survives_being_written_and_read(
    origin: str, size: int, root: bytes
) -> None:
    head = Checkpoint(origin, size, root)

    assert head == parse_checkpoint_text(head.text())


@given(st.one_of(st.binary(max_size=100), st.text("a/1\nA=", max_size=80)))
def test_what_parses_is_written_back_byte_for_byte(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()

    head = parses_or_is_malformed(parse_checkpoint_text, raw)

    assert head is None or head.text() == raw


ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="


@pytest.mark.parametrize(
    "text",
    {
        "nothing": "",
        "two lines": f"a\n{ROOT}\n",
        "no final newline": f"a\n1\n{ROOT}",
        "extension line": f"a\n1\n{ROOT}\nextension\n",
        "blank line": f"a\n1\n{ROOT}\n\n",
        "no origin": f"\n1\n{ROOT}\n",
        "control character": f"a\rb\n1\n{ROOT}\n",
        "leading zero": f"a\n01\n{ROOT}\n",
        "negative size": f"a\n-1\n{ROOT}\n",
        "size in hex": f"a\n0x1\n{ROOT}\n",
        "size beyond 63 bits": f"a\n{1 << 63}\n{ROOT}\n",
        "short root": "a\n1\nAAAA\n",
        "long root": f"a\n1\nAAAA{ROOT}\n",
        "loose root": f"a\n1\n{ROOT[:-2]}J=\n",
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_checkpoint_is_refused(text: tuple[str, str]) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint_text(text[1].encode())
    with pytest.raises(MalformedError):
        cosign(text[1].encode(), WITNESSES[0], NOW)


def test_a_quorum_certifies_a_checkpoint() -> None:
    certified = verify_checkpoint(NOTE, POLICY)

    assert certified.checkpoint == HEAD
    assert certified.note.encode() == NOTE
    assert certified.cosignatures == (
        ("authority-1", NOW + 5),
        ("authority-2", NOW + 1),
        ("authority-3", NOW + 9),
        ("authority-4", NOW + 3),
    )
    assert certified.time == NOW + 3  # lower median of 1, 3, 5, 9
    assert certified.fresh_time == NOW + 3  # third newest of four


def test_another_library_finds_the_same_signatures() -> None:
    vkeys = [key.encode() for key in POLICY.keys]

    assert len(naive_log.signers(NOTE.decode(), vkeys)) == 5


@pytest.mark.parametrize("count", range(5))
def test_only_a_quorum_is_enough(count: int) -> None:
    for witnesses in combinations(WITNESSES, count):
        note = checkpoint_note(HEAD, witnesses)
        if count >= 3:
            assert len(verify_checkpoint(note, POLICY).cosignatures) == count
        else:
            with pytest.raises(QuorumError, match="3 of 4"):
                verify_checkpoint(note, POLICY)


@given(st.integers(0, len(NOTE) * 8 - 1))
def test_a_flipped_bit_certifies_nothing_else(bit: int) -> None:
    try:
        certified = verify_checkpoint(flipped(NOTE, bit), POLICY)
    except (MalformedError, VerificationError):
        return

    # A changed name or key ID makes one of four lines a stranger's.
    assert certified.checkpoint == HEAD
    assert len(certified.cosignatures) == 3


@given(st.data())
def test_a_flipped_bit_in_an_exact_quorum_is_refused(data: st.DataObject) -> None:
    note = checkpoint_note(HEAD, WITNESSES[:3])
    bit = data.draw(st.integers(0, len(note) * 8 - 1))

    with pytest.raises((MalformedError, VerificationError)):
        verify_checkpoint(flipped(note, bit), POLICY)


def test_a_witness_that_signs_often_counts_once() -> None:
    often = [WITNESSES[0]] * 5 + [WITNESSES[1]]

    with pytest.raises(QuorumError):
        verify_checkpoint(checkpoint_note(HEAD, often), POLICY)


@pytest.mark.parametrize("times", [(NOW, NOW + 60), (NOW + 60, NOW)])
def test_a_witness_counts_with_its_newest_time(times: tuple[int, int]) -> None:
    keys = [*WITNESSES[:3], WITNESSES[0]]
    note = checkpoint_note(HEAD, keys, times=[times[0], NOW, NOW, times[1]])

    cosignatures = dict(verify_checkpoint(note, POLICY).cosignatures)

    assert cosignatures["authority-1"] == NOW + 60


def test_strangers_do_not_count_and_do_not_harm() -> None:
    keys = [*WITNESSES[:2], STRANGER]
    with pytest.raises(QuorumError):
        verify_checkpoint(checkpoint_note(HEAD, keys), POLICY)

    note = checkpoint_note(HEAD, [*WITNESSES[:3], STRANGER])
    assert len(verify_checkpoint(note, POLICY).cosignatures) == 3


def test_a_cosignature_for_another_checkpoint_refuses_the_note() -> None:
    other = cosign(Checkpoint(ORIGIN, 1, HEAD.root).text(), WITNESSES[3], NOW)
    note = parse_note(checkpoint_note(HEAD, WITNESSES[:3]))
    forged = Note(note.text, (*note.signatures, other))

    with pytest.raises(SignatureInvalidError, match="authority-4"):
        verify_checkpoint(forged.encode(), POLICY)


def test_a_cosignature_with_another_time_refuses_the_note() -> None:
    good = cosign(HEAD.text(), WITNESSES[3], NOW)
    blob = (NOW + 1).to_bytes(8, "big") + good.signature[8:]
    moved = NoteSignature(good.name, good.key_id, blob)
    note = parse_note(checkpoint_note(HEAD, WITNESSES[:3]))

    with pytest.raises(SignatureInvalidError):
        verify_checkpoint(Note(note.text, (*note.signatures, moved)).encode(), POLICY)


def test_a_quorum_without_the_log_is_refused() -> None:
    with pytest.raises(SignatureInvalidError, match="log"):
        verify_checkpoint(checkpoint_note(HEAD, log=None), POLICY)


def test_another_logs_checkpoint_is_refused() -> None:
    other = signer("sample.example/2", ALG_ED25519)
    head = Checkpoint(other.name, HEAD.size, HEAD.root)

    with pytest.raises(SignatureInvalidError, match=r"sample\.example/2"):
        verify_checkpoint(checkpoint_note(head, log=other), POLICY)


def test_a_listed_log_cannot_sign_for_another_origin() -> None:
    other = signer("sample.example/2", ALG_ED25519)
    policy = parse_policy(f"log {other.verifier.encode()}\n".encode() + policy_of())
    other_signature = NoteSignature(
        other.name, other.verifier.key_id, other.sign(HEAD.text())
    )
    note = parse_note(checkpoint_note(HEAD, log=None))
    forged = Note(note.text, (other_signature, *note.signatures))

    with pytest.raises(SignatureInvalidError, match=r"log of sample\.example/1"):
        verify_checkpoint(forged.encode(), policy)
    with pytest.raises(SignatureInvalidError):
        verify_log_signature(forged, policy)


def test_no_quorum_never_fails_open() -> None:
    policy = parse_policy(
        policy_of().replace(b"quorum authorities", b"quorum none"),
    )

    with pytest.raises(QuorumError, match="quorum none") as error:
        verify_checkpoint(NOTE, policy)
    assert error.value.advice


def test_one_named_witness_can_be_asked_for() -> None:
    policy = parse_policy(
        policy_of().replace(b"quorum authorities", b"quorum authority-2")
    )

    note = checkpoint_note(HEAD, WITNESSES[1:2])
    assert verify_checkpoint(note, policy).fresh_time == NOW
    with pytest.raises(QuorumError, match="expected authority-2"):
        verify_checkpoint(checkpoint_note(HEAD, WITNESSES[2:]), policy)


def test_an_empty_tree_has_one_root() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)

    assert verify_checkpoint(checkpoint_note(empty), POLICY).checkpoint == empty
    with pytest.raises(ConsistencyError):
        verify_checkpoint(checkpoint_note(Checkpoint(ORIGIN, 0, HEAD.root)), POLICY)


def test_a_log_signature_needs_no_quorum() -> None:
    note = sign_checkpoint(HEAD, LOG)

    assert verify_log_signature(note, POLICY) == HEAD
    with pytest.raises(SignatureInvalidError):
        verify_log_signature(
            Note(note.text.replace(b"2", b"3"), note.signatures), POLICY
        )


def test_a_log_signs_only_its_own_checkpoints() -> None:
    with pytest.raises(UsageError):
        sign_checkpoint(Checkpoint("other", 1, HEAD.root), LOG)
    with pytest.raises(UsageError):
        sign_checkpoint(Checkpoint(ORIGIN, -1, HEAD.root), LOG)
    with pytest.raises(UsageError):
        sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(31)), LOG)


@given(st.integers(0, (1 << 63) - 1))
def test_a_cosignature_carries_its_time(time: int) -> None:
    signature = cosign(HEAD.text(), WITNESSES[0], time)

    assert time == cosignature_time(signature)
    assert time == verify_cosignature(HEAD.text(), signature, WITNESSES[0].verifier)


def test_an_answer_by_another_key_is_refused() -> None:
    signature = cosign(HEAD.text(), WITNESSES[0], NOW)

    for key in (WITNESSES[1], signer(WITNESSES[0].name, ALG_ED25519)):
        with pytest.raises(SignatureInvalidError):
            verify_cosignature(HEAD.text(), signature, key.verifier)
    with pytest.raises(SignatureInvalidError):
        verify_cosignature(b"other\n", signature, WITNESSES[0].verifier)


def test_only_a_cosigner_key_cosigns() -> None:
    with pytest.raises(UsageError):
        cosign(HEAD.text(), LOG, NOW)
    with pytest.raises(MalformedError):
        cosignature_time(sign_checkpoint(HEAD, LOG).signatures[0])


def test_merged_signatures_replace_a_keys_earlier_one() -> None:
    note = parse_note(checkpoint_note(HEAD, WITNESSES[:2]))
    newer = [cosign(HEAD.text(), key, NOW + 9) for key in WITNESSES[1:3]]

    merged = merge_signatures(note, newer)

    assert verify_checkpoint(merged.encode(), POLICY).cosignatures == (
        ("authority-1", NOW),
        ("authority-2", NOW + 9),
        ("authority-3", NOW + 9),
    )
    assert merged == merge_signatures(merged, newer)


@given(st.lists(st.integers(0, 1 << 40), min_size=3, max_size=4))
def test_one_lying_clock_moves_neither_time_beyond_the_honest_ones(
    times: list[int],
) -> None:
    note = checkpoint_note(HEAD, WITNESSES[: len(times)], times=times)
    certified = verify_checkpoint(note, POLICY)

    assert sorted(times)[(len(times) - 1) // 2] == certified.time
    assert sorted(times, reverse=True)[2] == certified.fresh_time


def test_fresh_time_respects_nested_groups() -> None:
    text = (
        policy_of()
        .decode()
        .replace(
            "group authorities 3 authority-1 authority-2 authority-3 authority-4",
            "group pair any authority-3 authority-4\n"
            "group authorities all authority-1 pair",
        )
    )
    note = checkpoint_note(HEAD, times=[NOW, NOW + 9, NOW + 5, NOW + 7])

    assert verify_checkpoint(note, parse_policy(text.encode())).fresh_time == NOW


def test_a_checkpoint_grows_stale() -> None:
    certified = verify_checkpoint(NOTE, POLICY)
    last = certified.fresh_time + 86_400

    assert check_fresh(certified, last) is certified
    with pytest.raises(StaleError, match="86401 s old"):
        check_fresh(certified, last + 1)
    with pytest.raises(StaleError):
        check_fresh(certified, certified.fresh_time + 61, max_age=60)


def test_sixty_four_authorities_certify() -> None:
    keys = [signer(f"a{i}.example", ALG_COSIGNATURE) for i in range(64)]
    policy = parse_policy(policy_of(keys, 43))

    certified = verify_checkpoint(checkpoint_note(HEAD, keys), policy)

    assert isinstance(certified, CertifiedCheckpoint)
    assert len(certified.cosignatures) == 64
