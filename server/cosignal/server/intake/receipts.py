"""Promise an uploader, in writing, that the keys will be on the chain.

What a receipt says, and what it proves, is in `protocol.receipts`.
"""

from collections.abc import Sequence

from nacl.signing import SigningKey

from cosignal.protocol.keys import SignerKey
from cosignal.protocol.notes import Note, NoteSignature
from cosignal.protocol.receipts import Receipt, receipt_digest

#: How long after the last key may be published the chain must have them, seconds.
MERGE_SECONDS = 86_400


class ReceiptWriter:
    """Signs the receipts of one authority."""

    def __init__(self, network: str, issuer: str, signer: SignerKey) -> None:
        """Sign as `issuer` of `network`."""
        self._network = network
        self._issuer = issuer
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
        receipt = Receipt(
            self._network,
            self._issuer,
            len(keys),
            receipt_digest(keys),
            time,
            releasable + MERGE_SECONDS,
        )
        data = receipt.text().encode()
        signature = self._signing.sign(data).signature
        line = NoteSignature(self._key.name, self._key.key_id, signature)
        return Note(data, (line,)).encode().decode()
