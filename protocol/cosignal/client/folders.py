"""A folder whose files are whole or not there, whenever the power fails.

What this module guarantees:

* A file under its name is complete: it was written under another name and synced
  before it was renamed.
* When `put` or `erase` returns, the change is on the disk: the folder is synced too.
* One process at a time holds the folder.

Which file must come before which is for `store` and `mirror` to say.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Protocol

from cosignal.client.atomic_files import sync_folder, write_temporary
from cosignal.protocol.errors import RefusedError

PRIVATE = ".cosignal"

_TEMPORARY = ".tmp"


class Files(Protocol):
    """Where a `store` keeps its files: a folder, or what behaves like one.

    A file under its name is whole; when `put` or `erase` returns, it is durable.
    """

    def hold(self) -> None:
        """Keep other processes out until `release`."""

    def release(self) -> None:
        """Let other processes in."""

    def where(self, path: str) -> str:
        """What to call the place of a file when talking to a person."""

    def has(self, path: str) -> bool:
        """Whether there is such a file."""

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None when there is none."""

    def names(self, path: str) -> list[str]:
        """Names in a folder, sorted; none when it is missing."""

    def files(self, path: str = ".") -> Iterator[str]:
        """Paths of all files below a folder, private ones aside."""

    def put(self, path: str, data: bytes) -> None:
        """Write a file, or replace it, atomically."""

    def put_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write or replace files in order."""

    def erase(self, path: str) -> bool:
        """Remove a file, durably; say whether there was one."""

    def erase_folder(self, path: str) -> None:
        """Remove a folder that holds nothing but files, if there is one."""

    @property
    def remedy(self) -> str:
        """What a person can do when what was verified is damaged."""


class Folder:
    """Files by relative path, as `Path.as_posix` writes it.

    Attributes:
        root: Every path is relative to it.
    """

    def __init__(self, root: Path) -> None:
        """Use `root`, which is made when missing; nothing is held yet."""
        self.root = root
        self._names = count()
        self._lock: int | None = None
        (root / PRIVATE).mkdir(parents=True, exist_ok=True)

    def hold(self) -> None:
        """Keep other processes out until `release`, and clear what a crash left.

        The kernel releases the folder of a process that dies.

        Raises:
            RefusedError: Another process holds the folder.
        """
        path = self.root / PRIVATE / "lock"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            raise RefusedError(
                f"folder: expected {self.root} to be free, got one in use",
                advice="Wait for the other process, or name another folder.",
            ) from error
        self._lock = handle
        for stray in self.root.rglob(f".*{_TEMPORARY}"):
            stray.unlink()

    def release(self) -> None:
        """Let other processes in."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def remedy(self) -> str:
        """What a person can do when what was verified is damaged."""
        return (
            f"Delete {self.root} and sync again; the chain is then downloaded anew. "
            "Keep its evidence, if there is any."
        )

    def where(self, path: str) -> str:
        """What to call the place of a file when talking to a person."""
        return str(self.root / path)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self.root / path).is_file()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None when there is none."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: str) -> list[str]:
        """Names in a folder, sorted; none when it is missing."""
        place = self.root / path
        return sorted(item.name for item in place.iterdir()) if place.is_dir() else []

    def files(self, path: str = ".") -> Iterator[str]:
        """Paths of all files below a folder, private ones and temporaries aside."""
        for item in sorted((self.root / path).rglob("*")):
            name = item.relative_to(self.root)
            if item.is_file() and PRIVATE not in name.parts and not _stray(item):
                yield name.as_posix()

    def put(self, path: str, data: bytes) -> None:
        """Write a file, or replace it, atomically."""
        self.put_all([(path, data)])

    def put_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write or replace files in order, syncing each folder once at the end.

        A crash in between leaves some of them, each complete, and perhaps a temporary
        that `hold` clears away.

        Args:
            files: Path and bytes of each.
        """
        folders: dict[Path, None] = {}
        for path, data in files:
            target = self.root / path
            folders.update(dict.fromkeys(self._make_parents(target)))
            # Also for a file that is there already: a crash may have come between its
            # rename and the sync of its folder.
            if self.read(path) != data:
                self._rename(self._write(target, data), target)
        for folder in folders:
            self._sync(folder)

    def erase(self, path: str) -> bool:
        """Remove a file, durably.

        Args:
            path: The file.

        Returns:
            Whether there was one.
        """
        target = self.root / path
        if not target.is_file():
            return False
        self._remove(target)
        self._sync(target.parent)
        return True

    def erase_folder(self, path: str) -> None:
        """Remove a folder that holds nothing but files, if there is one."""
        place = self.root / path
        if not place.is_dir():
            return
        for item in place.iterdir():
            self._remove(item)
        place.rmdir()
        self._sync(place.parent)

    def _make_parents(self, target: Path) -> list[Path]:
        """Make a file's folder; return each folder whose listing changes."""
        folder = target.parent
        changed = [folder]
        while not folder.is_dir():
            folder = folder.parent
            changed.append(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        return changed

    # The durable steps, one method each, so that a test can stop the process before or
    # after any of them.

    def _write(self, target: Path, data: bytes) -> Path:
        temporary = target.with_name(f".{target.name}.{next(self._names)}{_TEMPORARY}")
        write_temporary(temporary, data)
        return temporary

    def _rename(self, temporary: Path, target: Path) -> None:
        temporary.replace(target)

    def _remove(self, target: Path) -> None:
        target.unlink()

    def _sync(self, folder: Path) -> None:
        sync_folder(folder)


def _stray(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(_TEMPORARY)
