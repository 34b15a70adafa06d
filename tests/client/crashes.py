"""A folder whose process dies before or after its n-th durable step."""

from pathlib import Path

from cosignal.client.folders import Folder


class PowerCutError(Exception):
    """The process is gone; nothing in it may go on."""


class DyingFolder(Folder):
    """Counts durable steps, and dies at one of them."""

    def __init__(self, root: Path, step: int, *, after: bool) -> None:
        super().__init__(root)
        self.left = step
        self.after = after

    def _count(self) -> bool:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise PowerCutError
        return self.left == 0

    def _write(self, target: Path, data: bytes) -> Path:
        last = self._count()
        if last:
            # A temporary that is there, but cut short.
            super()._write(target, data[: len(data) // 2])
            raise PowerCutError
        return super()._write(target, data)

    def _rename(self, temporary: Path, target: Path) -> None:
        last = self._count()
        super()._rename(temporary, target)
        if last:
            raise PowerCutError

    def _remove(self, target: Path) -> None:
        last = self._count()
        super()._remove(target)
        if last:
            raise PowerCutError

    def _sync(self, folder: Path) -> None:
        last = self._count()
        super()._sync(folder)
        if last:
            raise PowerCutError
