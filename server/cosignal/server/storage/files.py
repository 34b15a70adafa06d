"""Write files so that a power cut leaves either the old bytes or the new ones.

What this module guarantees:

* A file under its final name is complete: it was written under another name,
  fsynced, and then renamed.
* When a call returns, name and bytes are on the disk: the folder is fsynced too.
* `write_new` never changes a file: the same bytes again are fine, others are a
  `FatalError`.

Every call blocks; coroutines run it with `asyncio.to_thread`. It is the only code of
the node that writes files, so tests can stand in front of every durable step.

Source: https://www.sqlite.org/atomiccommit.html, section 3 (why the folder is synced).
"""

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from cosignal.client.atomic_files import sync_folder, write_temporary
from cosignal.protocol.errors import FatalError, UsageError

_TEMPORARY = ".tmp"


class DurableFiles:
    """A folder whose files survive a power cut.

    Attributes:
        root: Every path is relative to it.
    """

    def __init__(self, root: Path) -> None:
        """Use `root`, which is made when missing."""
        self.root = root
        self._names = count()
        root.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None when there is none."""
        try:
            return self._locate(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return self._locate(path).is_file()

    def write_new(self, path: str, data: bytes) -> None:
        """Make an immutable file.

        Args:
            path: Relative to the root, `/` between folders.
            data: Its bytes for ever.

        Raises:
            FatalError: The file exists with other bytes.
        """
        self.write_many([(path, data)])

    def write_many(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Make immutable files, syncing each folder only once.

        A crash in between leaves some of them, each complete; calling again with the
        same bytes makes the rest.

        Args:
            files: Path and bytes of each.

        Raises:
            FatalError: A file exists with other bytes.
        """
        folders: dict[Path, None] = {}
        for path, data in files:
            target = self._locate(path)
            # Also for a file that is there already: the crash may have come
            # between its rename and the sync of its folder.
            folders.update(dict.fromkeys(self._make_folder(target.parent)))
            if not self._same(target, data, path):
                self._write(target, data).replace(target)
        for folder in folders:
            sync_folder(folder)

    def replace(self, path: str, data: bytes) -> None:
        """Give a file new bytes, atomically.

        Args:
            path: Relative to the root.
            data: Its bytes from now on.
        """
        target = self._locate(path)
        folders = self._make_folder(target.parent)
        self._write(target, data).replace(target)
        for folder in folders:
            sync_folder(folder)

    def erase(self, path: str) -> bool:
        """Remove a file, durably.

        Args:
            path: Relative to the root.

        Returns:
            Whether there was one.
        """
        target = self._locate(path)
        try:
            target.unlink()
        except FileNotFoundError:
            return False
        sync_folder(target.parent)
        return True

    def names(self, folder: str) -> list[str]:
        """The names of the files in one folder, sorted; none when it is missing."""
        place = self._locate(folder)
        if not place.is_dir():
            return []
        return sorted(
            item.name
            for item in place.iterdir()
            if item.is_file() and not item.name.endswith(_TEMPORARY)
        )

    def _locate(self, path: str) -> Path:
        parts = path.split("/")
        if any(part in ("", ".", "..") for part in parts) or path.endswith(_TEMPORARY):
            raise UsageError(f"path: expected names with / between, got {path!r}")
        return self.root.joinpath(*parts)

    def _make_folder(self, folder: Path) -> list[Path]:
        """Make a folder; return it and every parent whose listing changed."""
        changed = [folder]
        while not folder.is_dir():
            folder = folder.parent
            changed.append(folder)
        changed[0].mkdir(parents=True, exist_ok=True)
        return changed

    def _same(self, target: Path, data: bytes, path: str) -> bool:
        try:
            present = target.read_bytes()
        except FileNotFoundError:
            return False
        if present != data:
            raise FatalError(
                f"{path}: expected the immutable bytes written before, got others",
                advice="Stop the node, and compare the folder with another "
                "authority's by `cosignal fsck`.",
            )
        return True

    def _write(self, target: Path, data: bytes) -> Path:
        """Write under another name and sync; a crash leaves a stray temporary."""
        temporary = target.with_name(f".{target.name}.{next(self._names)}{_TEMPORARY}")
        write_temporary(temporary, data)
        return temporary

    def _sweep(self) -> None:
        """Remove temporaries that a crash left."""
        for stray in self.root.rglob(f".*{_TEMPORARY}"):
            stray.unlink()
