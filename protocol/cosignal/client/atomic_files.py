"""Single files that are whole or not there, whoever else writes beside them.

What this module guarantees:

* A file has its old bytes or its new ones, whenever the power fails, and keeps its
  mode. When a call returns, bytes and name are on the disk.
* A temporary is made anew: one that lies there already, or a link that somebody put in
  its place, is removed and never written through.
* `create_file` never touches a file that exists.
* Within `locked`, no other process that uses it changes a file of the folder.

`folders` and the server's `storage.files` write whole folders with the same two steps.

Source: https://www.sqlite.org/atomiccommit.html, section 3 (why the folder is synced).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MODE = 0o666  # less what the umask takes


def write_temporary(path: Path, data: bytes, mode: int = _MODE) -> None:
    """Make a file under a name that is to be renamed, and sync it.

    A crash leaves it cut short or whole, under that name.

    Args:
        path: Whatever is there is removed.
        data: Its bytes.
        mode: Who may use it, less what the umask takes.
    """
    path.unlink(missing_ok=True)
    _write_new(path, data, mode)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def create_file(path: Path, data: bytes) -> None:
    """Make a file that must not exist; one that cannot be finished is removed.

    A crash in between leaves a file that is cut short, and none of the old bytes of
    anything.

    Args:
        path: The file.
        data: Its bytes.

    Raises:
        FileExistsError: There is one, or a link.
    """
    _write_new(path, data)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Give a file that exists new bytes; its mode stays.

    A crash leaves the old bytes or the new ones, and perhaps a temporary that the next
    call removes.

    Args:
        path: The file; where it is a link, what that leads to.
        data: Its bytes from now on.

    Raises:
        FileNotFoundError: There is none.
    """
    target = path.resolve(strict=True)
    temporary = target.with_name(f".{target.name}.tmp")
    mode = target.stat().st_mode & 0o7777
    write_temporary(temporary, data, mode)
    try:
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep others who use this out of a file's folder, to read and write in one go.

    The kernel lets the next one in when a process dies.

    Args:
        path: The file, which need not exist. Its folder is locked and not the file:
            that is another one after each `replace_file`.
    """
    handle = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_new(path: Path, data: bytes, mode: int = _MODE) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
