import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UsageError,
)
from cosignal.protocol.notes import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Note,
    NoteSignature,
    VerifierKey,
    parse_note,
    parse_signatures,
    sign_note,
    verify_note,
)
from tests.protocol import naive_log
from tests.protocol.sample_log import (
    LOG,
    WITNESSES,
    flipped,
    parses_or_is_malformed,
    signer,
)

ALICE = signer("alice.example", ALG_ED25519)
BOB = signer("bob.example", ALG_ED25519)
KEYS = [ALICE.verifier, BOB.verifier]
TEXT = "First line.\n\nSecond paragraph: ünïcode — dash.\n".encode()
NOTE = sign_note(TEXT, ALICE, BOB)
TEXTS = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[chr(c) for c in range(32)]
    ),
    max_size=60,
)
PARAGRAPHS = st.lists(TEXTS, min_size=1, max_size=5).map(
    lambda lines: "".join(f"{line}\n" for line in lines).encode()
)


@given(PARAGRAPHS)
def test_a_signed_note_survives_being_written_and_read(text: bytes) -> None:
    note = sign_note(text, ALICE, BOB)

    assert note == parse_note(note.encode())
    assert verify_note(note, KEYS) == KEYS
    naive_text, _ = naive_log.read_note(note.encode().decode())
    assert text.decode() == naive_text
    vkeys = [key.encode() for key in KEYS]
    assert len(naive_log.signers(note.encode().decode(), vkeys)) == 2


@given(st.binary(max_size=300))
def test_random_bytes_are_no_note(data: bytes) -> None:
    assert parses_or_is_malformed(parse_note, data) is None
    assert parses_or_is_malformed(parse_signatures, data) is None


@given(st.text("\n\u2014 aA+/=.\t\r", max_size=60))
def test_what_parses_is_written_back_byte_for_byte(text: str) -> None:
    note = parses_or_is_malformed(parse_note, text.encode())

    assert note is None or note.encode() == text.encode()


@given(st.integers(0, len(NOTE.encode()) * 8 - 1))
def test_a_flipped_bit_never_keeps_both_signatures(bit: int) -> None:
    data = flipped(NOTE.encode(), bit)
    try:
        signed = verify_note(parse_note(data), KEYS)
    except (MalformedError, SignatureInvalidError):
        return

    # A changed name or key ID makes the line another key's, which is ignored.
    assert len(signed) == 1
    assert data.startswith(TEXT)


def test_the_last_blank_line_divides_text_and_signatures() -> None:
    inner = sign_note(b"inner\n", ALICE).encode()

    note = parse_note(sign_note(inner, BOB).encode())

    assert inner == note.text
    assert [BOB.verifier] == verify_note(note, KEYS)


LINE = NOTE.signatures[0].encode()


@pytest.mark.parametrize(
    "data",
    {
        "nothing": b"",
        "no blank line": b"text\n" + LINE,
        "no signature": b"text\n\n",
        "blank line last": b"text\n\n" + LINE + b"\n",
        "no final newline": b"text\n\n" + LINE[:-1],
        "hyphen for a dash": b"text\n\n" + LINE.replace("—".encode(), b"-"),
        "two spaces": b"text\n\n" + LINE.replace(b" ", b"  "),
        "no name": b"text\n\n" + LINE.replace(b" alice.example", b""),
        "plus in the name": b"text\n\n" + LINE.replace(b"alice.", b"alice+"),
        "wide space in the name": b"text\n\n"
        + LINE.replace(b"alice.", "alice\u2003".encode()),
        "tab in the text": b"te\txt\n\n" + LINE,
        "carriage return": b"text\r\n\n" + LINE,
        "nul in a name": b"text\n\n" + LINE.replace(b"alice.", b"alice\x00"),
        "bad utf-8": b"te\xffxt\n\n" + LINE,
        "surrogate": b"te\xed\xa0\x80xt\n\n" + LINE,
        "loose base64": b"text\n\n" + "— a AAAAAAB=\n".encode(),
        "key id only": b"text\n\n" + "— a AAAAAA==\n".encode(),
        "something after the base64": b"text\n\n" + LINE[:-1] + b" x\n",
        "too many signatures": b"text\n\n" + LINE * (MAX_SIGNATURES + 1),
        "too long": b"t" * MAX_NOTE_BYTES + b"\n\n" + LINE,
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_note_is_refused(data: tuple[str, bytes]) -> None:
    with pytest.raises(MalformedError):
        parse_note(data[1])


def test_sixty_four_cosigners_and_four_log_keys_fit() -> None:
    signers = [signer(f"key-{i}.example", ALG_ED25519) for i in range(68)]

    note = parse_note(sign_note(TEXT, *signers).encode())

    assert len(verify_note(note, [key.verifier for key in signers])) == 68


def test_an_unknown_signature_is_ignored() -> None:
    unknown = NoteSignature("new.example", b"abcd", b"\x06" * 2420)
    note = Note(TEXT, (unknown, *NOTE.signatures))

    assert verify_note(parse_note(note.encode()), KEYS) == KEYS


def test_a_key_of_the_same_name_and_another_id_is_unknown() -> None:
    other = signer("alice.example", ALG_COSIGNATURE).verifier

    with pytest.raises(SignatureInvalidError, match="known key"):
        verify_note(sign_note(TEXT, ALICE), [other])


def test_a_note_without_a_known_signature_is_refused() -> None:
    with pytest.raises(SignatureInvalidError):
        verify_note(NOTE, [LOG.verifier])
    with pytest.raises(SignatureInvalidError):
        verify_note(NOTE, [])


def test_one_bad_signature_of_a_known_key_refuses_the_note() -> None:
    stolen = NoteSignature(BOB.name, BOB.verifier.key_id, NOTE.signatures[0].signature)
    note = Note(TEXT, (NOTE.signatures[0], stolen))

    assert [ALICE.verifier] == verify_note(note, [ALICE.verifier])
    with pytest.raises(SignatureInvalidError, match=r"bob\.example"):
        verify_note(note, KEYS)


def test_a_bad_line_beside_a_good_one_of_the_same_key_refuses_the_note() -> None:
    bad = NoteSignature(ALICE.name, ALICE.verifier.key_id, bytes(64))

    with pytest.raises(SignatureInvalidError):
        verify_note(Note(TEXT, (NOTE.signatures[0], bad)), KEYS)


def test_a_repeated_signature_counts_once() -> None:
    note = Note(TEXT, NOTE.signatures[:1] * 5)

    assert [ALICE.verifier] == verify_note(note, [*KEYS, ALICE.verifier])


def test_keys_that_share_name_and_id_are_refused() -> None:
    twin = VerifierKey(ALICE.name, ALICE.verifier.key_id, 1, BOB.verifier.public_key)

    with pytest.raises(SignatureInvalidError, match="once"):
        verify_note(NOTE, [ALICE.verifier, twin])


@pytest.mark.parametrize("text", [b"", b"no newline", b"tab\t\n", b"\xff\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: bytes) -> None:
    with pytest.raises(UsageError):
        sign_note(text, ALICE)


def test_a_note_needs_a_signer_of_the_right_type() -> None:
    with pytest.raises(UsageError):
        sign_note(TEXT)
    with pytest.raises(UsageError):
        sign_note(TEXT, WITNESSES[0])
    with pytest.raises(UsageError):
        sign_note(TEXT, *[ALICE] * (MAX_SIGNATURES + 1))
