"""Keep evidence against a log or a cosigner that told two stories.

What this module guarantees:

* Only what `verify_evidence` accepts is kept: no file here accuses anybody wrongly.
* A file's name is the hash of its bytes, so the same evidence is kept once.
* Lines by strangers' keys, and the order of lines, make no new file.
* At most `MOST_FILES` are kept: one lie contradicts every newer checkpoint again, and
  whoever holds it could fill the disk. The first files convict as well as all.

Showing it is `api.chain`'s affair; what to do about it is people's.
"""

from collections.abc import Sequence

from cosignal.protocol.checkpoints import parse_checkpoint_text
from cosignal.protocol.errors import CosignalError
from cosignal.protocol.evidence import Evidence, find_evidence
from cosignal.protocol.notes import Note, parse_note
from cosignal.protocol.policy import Policy
from cosignal.server.ledger.public_files import PublicFiles
from cosignal.server.ledger.readers import NodeReader
from cosignal.server.ledger.tree import Tree
from cosignal.server.logs import get_logger

FOLDER = "chain/evidence"
MOST_FILES = 64

_log = get_logger("ledger.evidence")


class EvidenceFolder:
    """The node's evidence files.

    Attributes:
        count: How many there are.
    """

    def __init__(self, public: PublicFiles, tree: Tree) -> None:
        """Keep files below `chain/evidence`; `tree` is the history this node holds."""
        self.count = 0
        self._public = public
        self._tree = tree

    async def load(self) -> None:
        """Count what earlier runs have kept."""
        self.count = len(await self.names())

    async def names(self) -> list[str]:
        """Names of all files, sorted."""
        return await self._public.names(FOLDER)

    async def compare(
        self,
        note: Note,
        held: bytes | None,
        policy: Policy,
        *,
        reader: NodeReader | None = None,
        proof: Sequence[bytes] = (),
    ) -> list[str]:
        """Look whether a checkpoint contradicts one that this node holds.

        Args:
            note: A checkpoint that somebody showed.
            held: A signed checkpoint of this node's own tree, if there is one.
            policy: Whose keys count.
            reader: Where the tree of `note` can be read, should it be the larger one.
            proof: A consistency proof that came with `note`.

        Returns:
            Names of the evidence found, kept or not; none when the two agree.
        """
        if held is None:
            return []
        shown = _known_lines(note, policy)
        if not shown.signatures:
            return []
        for hashes in await self._proofs(note, held, reader, proof):
            found = find_evidence(shown.encode(), held, policy, hashes)
            if found:
                return [await self._keep(item) for item in found]
        return []

    async def _keep(self, item: Evidence) -> str:
        if self.count >= MOST_FILES:
            _log.error("evidence_not_kept", kind=item.kind, files=self.count)
            return item.file_name
        path = f"{FOLDER}/{item.file_name}"
        await self._public.write_new([(path, item.encode())])
        await self.load()
        _log.error("evidence_kept", kind=item.kind, file=item.file_name)
        return item.file_name

    async def _proofs(
        self,
        note: Note,
        held: bytes,
        reader: NodeReader | None,
        proof: Sequence[bytes],
    ) -> list[Sequence[bytes]]:
        """Prefix proofs that may lead to the larger tree's root."""
        shown = parse_checkpoint_text(note.text).size
        ours = parse_checkpoint_text(parse_note(held).text).size
        if shown == ours:
            return [()]
        if 0 in (shown, ours):
            return []
        if shown < ours:
            return [await self._tree.prefix(shown, ours)]
        found: list[Sequence[bytes]] = [proof] if proof else []
        if reader is not None:
            # A consistency proof from a power of two leaves out the smaller root, so
            # the other tree's own tiles have to tell it.
            try:
                found.append(await reader.prefix(ours, shown))
            except CosignalError as error:
                _log.warning("evidence_not_fetched", error=error)
        return found


def _known_lines(note: Note, policy: Policy) -> Note:
    """A note with the lines that can convict, each once and in one order."""
    known = {(key.name, key.key_id) for key in policy.keys}
    lines = {item for item in note.signatures if (item.name, item.key_id) in known}
    order = sorted(lines, key=lambda item: (item.name, item.key_id, item.signature))
    return Note(note.text, tuple(order))
