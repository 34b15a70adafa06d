"""The followed chain inside the phone's one file.

What this module guarantees:

* It behaves as `folders.Folder` does, so that `store` and `follower` need not know.
* Several files of one `put_all` are there together, or none of them is.
"""

from collections.abc import Iterable, Iterator

from cosignal.client.folders import PRIVATE
from cosignal.client.phone.database import Database

SCHEMA = "CREATE TABLE files (path TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT"

#: Sorts behind every character that a path may hold.
_LAST = "\U0010ffff"


class DatabaseFiles:
    """Files by relative path, each a row."""

    def __init__(self, database: Database) -> None:
        """Keep files in `database`, which keeps other processes out."""
        self._database = database

    def hold(self) -> None:
        """Do nothing: whoever has the database holds it already."""

    def release(self) -> None:
        """Do nothing: the phone goes on when its store is closed."""

    @property
    def remedy(self) -> str:
        """What an app can do when what was verified is damaged."""
        return (
            "Call Phone.start_over: the chain is then downloaded again; this phone's "
            "keys, sightings and alerts stay."
        )

    def where(self, path: str) -> str:
        """What to call the place of a file when talking to a person."""
        return f"{self._database.path}, file {path}"

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return bool(self._database.read("SELECT 1 FROM files WHERE path = ?", path))

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, or None when there is none."""
        rows = self._database.read("SELECT data FROM files WHERE path = ?", path)
        return bytes(rows[0][0]) if rows else None

    def names(self, path: str) -> list[str]:
        """Names in a folder, sorted; none when it is missing."""
        depth = len(path) + 1
        names = (found[depth:].partition("/")[0] for found in self._below(path))
        return sorted(set(names))

    def files(self, path: str = ".") -> Iterator[str]:
        """Paths of all files below a folder, private ones aside."""
        for found in self._below("" if path == "." else path):
            if PRIVATE not in found.split("/"):
                yield found

    def put(self, path: str, data: bytes) -> None:
        """Write a file, or replace it, atomically."""
        self.put_all([(path, data)])

    def put_all(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write or replace files, all in one change."""
        with self._database.write() as connection:
            connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", files)

    def erase(self, path: str) -> bool:
        """Remove a file, durably; say whether there was one."""
        with self._database.write() as connection:
            done = connection.execute("DELETE FROM files WHERE path = ?", (path,))
        return done.rowcount > 0

    def erase_folder(self, path: str) -> None:
        """Remove a folder with everything below it, if there is one."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM files WHERE path > ? AND path < ?",
                (f"{path}/", f"{path}/{_LAST}"),
            )

    def erase_all_but(self, folder: str) -> None:
        """Remove all files but those below a folder."""
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM files WHERE NOT (path > ? AND path < ?)",
                (f"{folder}/", f"{folder}/{_LAST}"),
            )

    def _below(self, path: str) -> list[str]:
        start = f"{path}/" if path else ""
        rows = self._database.read(
            "SELECT path FROM files WHERE path > ? AND path < ? ORDER BY path",
            start,
            f"{start}{_LAST}",
        )
        return [str(found) for (found,) in rows]
