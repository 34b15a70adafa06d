"""Promise an uploader, in writing, that the keys will be on the chain.

A receipt is a C2SP signed note by the authority's issuing key::

    cosignal/receipt/v1
    network demo.cosignal.example
    issuer authority-1
    keys 14
    digest hRPTyRTy4MLFk7+8W2sqxoOzl5xQvUkqBV9mpzXl5Qg=
    time 1764000000
    by 1764093600

    — authority-1.demo.cosignal.example/issuer ...

`keys` counts the keys that were stored, `digest` is the SHA-256 of the line
``cosignal/receipt-keys/v1`` and the key bytes in ascending order, `time` is when the
node took them, and `by` when they will be on the chain, both in Unix seconds. It names
no key: whoever finds a receipt learns nothing, its owner can prove everything.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from nacl.signing import SigningKey

from cosignal.protocol.encoding import encode_base64
from cosignal.protocol.keys import SignerKey
from cosignal.protocol.notes import Note, NoteSignature

#: How long after the last key may be published the chain must have them, seconds.
MERGE_SECONDS = 86_400

_TAG = b"cosignal/receipt-keys/v1\n"


class ReceiptWriter:
    """Signs the receipts of one authority."""

    def __init__(self, network: str, issuer: str, signer: SignerKey) -> None:
        """Sign as `issuer` of `network`."""
        self._head = f"cosignal/receipt/v1\nnetwork {network}\nissuer {issuer}\n"
        self._key = signer.verifier
        # Expanding the seed takes as long as signing; this signer does it once.
        self._signing = SigningKey(signer.seed)

    def write(self, keys: Sequence[bytes], time: int, releasable: int) -> str:
        """Write one receipt.

        Args:
            keys: The keys taken, 16 bytes each, in any order.
            time: When they were taken, Unix seconds.
            releasable: From when on all of them may be published, Unix seconds.

        Returns:
            The signed note.
        """
        text = (
            f"{self._head}keys {len(keys)}\ndigest {encode_base64(digest(keys))}\n"
            f"time {time}\nby {releasable + MERGE_SECONDS}\n"
        )
        data = text.encode()
        signature = self._signing.sign(data).signature
        line = NoteSignature(self._key.name, self._key.key_id, signature)
        return Note(data, (line,)).encode().decode()


def digest(keys: Iterable[bytes]) -> bytes:
    """Commit to a set of keys.

    Args:
        keys: 16 bytes each, in any order.

    Returns:
        32 bytes, SHA-256.
    """
    return sha256(_TAG + b"".join(sorted(keys))).digest()
