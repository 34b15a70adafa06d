"""Where compiled kernels are kept for the next process: all disk access of `protocol`.

What this module guarantees:

* Not one byte is used before its digest is known to be right: a damaged kernel, and one
  that was made of other sources, is deleted and made anew.
* A kernel is one file that appears whole, so processes that start at once cannot mix
  theirs.
* Nothing is read from, or left in, a folder that others can write: whoever can write
  there decides what this process runs.
* A folder that cannot be written, or a full disk, costs time and nothing else.

The rest of `cosignal.protocol` has no I/O, and this is no part of what it computes:
without it every process would compile for some seconds. Kernels lie beside the package
or in the user's own cache folder, so whoever can replace them could as well replace the
package. A digest is no signature: it finds damage, and the folder's owner keeps
attackers out. Where the system has no owners of files, nothing is kept.

Source: docs/explanation/threat-model.md, "Compiled kernels".
"""

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

_DIGEST_BYTES: Final = 32
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_PACKAGE: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class KernelStore:
    """Some folders, and what the kernels in them must have been made of.

    Attributes:
        folders: Read in this order; the first that can be written takes new kernels.
        sources: Digest of everything that is compiled.
    """

    folders: tuple[Path, ...]
    sources: bytes

    def read(self, name: str) -> bytes | None:
        """Find a kernel.

        Args:
            name: Also of what it was compiled for; a valid file name.

        Returns:
            What was written, to the bit; None if there is none, or no good one.
        """
        for folder in self._trusted():
            with suppress(OSError):
                if (code := self._read(folder, name)) is not None:
                    return code
        return None

    def write(self, name: str, code: bytes) -> None:
        """Keep a kernel, if there is a place for it.

        Args:
            name: As for `read`.
            code: Any bytes.
        """
        for folder in self._trusted():
            with suppress(OSError):
                _replace(folder / name, self._seal(name, code) + code)
                return

    def _read(self, folder: Path, name: str) -> bytes | None:
        path = folder / name
        with path.open("rb") as file:
            data = file.read() if _only_owner_writes(os.fstat(file.fileno())) else b""
        code = data[_DIGEST_BYTES:]
        if data[:_DIGEST_BYTES] == self._seal(name, code):
            return code
        path.unlink()
        return None

    def _seal(self, name: str, code: bytes) -> bytes:
        return sha256(self.sources + sha256(name.encode()).digest() + code).digest()

    def _trusted(self) -> Iterator[Path]:
        """Folders that nobody else can write, made where they are missing."""
        for folder in self.folders:
            with suppress(OSError):
                folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            with suppress(OSError):
                real = folder.resolve(strict=True)
                if _only_owner_writes(real.stat()) and all(map(_is_safe, real.parents)):
                    yield real


def user_store() -> KernelStore | None:
    """Say where this user's kernels are kept.

    Returns:
        The folder that NUMBA_CACHE_DIR names, or one beside the package and one in the
        user's cache folder; None where nothing can be kept safely.
    """
    if not hasattr(os, "geteuid"):
        return None
    try:
        return KernelStore(tuple(_folders()), _sources())
    except (OSError, RuntimeError):
        # The sources cannot be read, or the user has no home.
        return None


def _folders() -> Iterator[Path]:
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        yield Path(chosen) / "cosignal"
        return
    yield Path(__file__).parent / "__pycache__" / "kernels"
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    yield Path(caches) / "cosignal"


def _sources() -> bytes:
    """Digest every module of the package: kernels hold constants of many."""
    digest = sha256()
    modules = sorted(_PACKAGE.rglob("*.py"))
    if not modules:
        raise FileNotFoundError(_PACKAGE)
    for module in modules:
        digest.update(sha256(str(module.relative_to(_PACKAGE)).encode()).digest())
        digest.update(sha256(module.read_bytes()).digest())
    return digest.digest()


def _only_owner_writes(status: os.stat_result) -> bool:
    """Whether only those can write there who can change this package anyway."""
    trusted = {0, os.geteuid(), Path(__file__).stat().st_uid}
    return status.st_uid in trusted and not status.st_mode & _OTHERS_WRITE


def _is_safe(parent: Path) -> bool:
    """Whether nobody else can put another folder in the place of ours."""
    status = parent.stat()
    return _only_owner_writes(status) or (
        status.st_uid == 0 and bool(status.st_mode & stat.S_ISVTX)
    )


def _replace(path: Path, data: bytes) -> None:
    """Write a whole file or none; what a power cut leaves is found by its digest."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    written = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        # Readable to all, as the package is: another user may run what its owner made.
        written.chmod(0o644)
        written.replace(path)
    except OSError:
        written.unlink(missing_ok=True)
        raise
