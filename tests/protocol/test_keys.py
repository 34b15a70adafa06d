import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from cosignal.protocol.encoding import encode_base64
from cosignal.protocol.errors import (
    MalformedError,
    SignatureInvalidError,
    UsageError,
)
from cosignal.protocol.keys import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    SignerKey,
    VerifierKey,
    cosignature_message,
    parse_signer_key,
    parse_verifier_key,
)
from tests.protocol.sample_log import LOG, WITNESSES, parses_or_is_malformed

NAMES = st.text(min_size=1, max_size=30).filter(
    lambda name: (
        "+" not in name
        and not any(c.isspace() or c < " " or "\ud800" <= c <= "\udfff" for c in name)
    )
)
TYPES = st.sampled_from([ALG_ED25519, ALG_COSIGNATURE])
SEEDS = st.binary(min_size=32, max_size=32)


@given(NAMES, TYPES, SEEDS)
def test_keys_survive_being_written_and_read(
    name: str, key_type: int, seed: bytes
) -> None:
    key = SignerKey(name, key_type, seed)

    assert key == parse_signer_key(key.encode().encode())
    assert key.verifier == parse_verifier_key(key.verifier.encode().encode())


@given(SEEDS)
def test_the_public_key_is_the_one_of_another_library(seed: bytes) -> None:
    other = Ed25519PrivateKey.from_private_bytes(seed).public_key()

    key = SignerKey("name", ALG_ED25519, seed).verifier

    assert other.public_bytes_raw() == key.public_key


@given(SEEDS, st.binary(max_size=200))
def test_a_signature_is_the_one_of_another_library(seed: bytes, text: bytes) -> None:
    other = Ed25519PrivateKey.from_private_bytes(seed).sign(text)

    assert other == SignerKey("name", ALG_ED25519, seed).sign(text)


@given(st.binary(max_size=120))
def test_random_bytes_are_no_key(data: bytes) -> None:
    for parse in (parse_verifier_key, parse_signer_key):
        assert parses_or_is_malformed(parse, data) is None


@given(st.text("PRIVATEKEY+=abcdef0123456789", max_size=60))
def test_text_that_resembles_a_key_is_no_key(text: str) -> None:
    for parse in (parse_verifier_key, parse_signer_key):
        assert parses_or_is_malformed(parse, text.encode()) is None


@given(st.integers(0, len(LOG.verifier.encode()) * 8 - 1))
def test_a_verifier_key_with_a_flipped_bit_is_refused(bit: int) -> None:
    data = bytearray(LOG.verifier.encode().encode())
    data[bit // 8] ^= 1 << bit % 8

    with pytest.raises(MalformedError):
        parse_verifier_key(bytes(data))


def test_a_private_key_is_never_shown() -> None:
    key = SignerKey("name", ALG_ED25519, b"secret seed of thirty-two bytes!")
    secret = key.encode().rsplit("+", 1)[1]
    wrong_id = key.encode().replace(key.verifier.key_id.hex(), "00000000")

    with pytest.raises(MalformedError) as error:
        parse_signer_key(wrong_id.encode())

    assert "secret" not in repr(key)
    assert secret not in str(error.value)


@pytest.mark.parametrize("material", [b"\x01" + bytes(31), b"\x02" + bytes(32)])
def test_a_private_key_of_another_length_or_type_is_refused(material: bytes) -> None:
    text = f"PRIVATE+KEY+name+00000000+{encode_base64(material)}"

    with pytest.raises(MalformedError):
        parse_signer_key(text.encode())


@pytest.mark.parametrize("name", ["", "two words", "a+b", "no\u00a0break", "a\tb"])
def test_a_name_that_no_signature_line_can_carry_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        VerifierKey.named(name, ALG_ED25519, bytes(32))


@pytest.mark.parametrize("key_type", [0, 2, 5, 6, 255])
def test_another_signature_type_is_refused(key_type: int) -> None:
    with pytest.raises(UsageError):
        VerifierKey.named("name", key_type, bytes(32))


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(UsageError):
        VerifierKey.named("name", ALG_ED25519, bytes(31))
    with pytest.raises(UsageError):
        SignerKey("name", ALG_ED25519, bytes(33))


def test_a_key_signs_only_what_its_type_is_for() -> None:
    with pytest.raises(UsageError):
        WITNESSES[0].sign(b"text\n")
    with pytest.raises(UsageError):
        LOG.sign_at(b"text\n", 1)
    with pytest.raises(UsageError):
        WITNESSES[0].sign_at(b"text\n", -1)


def test_one_seed_has_another_key_id_for_another_type() -> None:
    ids = {
        SignerKey("name", key_type, bytes(32)).verifier.key_id for key_type in (1, 4)
    }

    assert len(ids) == 2


@pytest.mark.parametrize("length", [0, 7, 8, 63, 65, 71, 73])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    for key in (LOG, WITNESSES[0]):
        with pytest.raises(SignatureInvalidError):
            key.verifier.verify(b"text\n", bytes(length))


def test_a_time_beyond_63_bits_is_refused() -> None:
    time = 1 << 63
    private = Ed25519PrivateKey.from_private_bytes(WITNESSES[0].seed)
    signature = private.sign(cosignature_message(b"text\n", time))

    with pytest.raises(SignatureInvalidError, match="time"):
        WITNESSES[0].verifier.verify(b"text\n", time.to_bytes(8, "big") + signature)


def test_a_public_key_that_signs_everything_is_refused() -> None:
    # The neutral element verifies any text in a library without a small-order check.
    key = VerifierKey.named("name", ALG_ED25519, b"\x01" + bytes(31))

    with pytest.raises(SignatureInvalidError):
        key.verify(b"text\n", b"\x01" + bytes(63))
