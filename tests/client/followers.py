"""Followers of a network in memory, with a folder each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cosignal.client.folders import Folder
from cosignal.client.follower import Follower, Synced
from cosignal.client.sources import Source
from cosignal.client.store import Store
from tests.network_in_memory import NetworkInMemory


@contextmanager
def opened(folder: Path, network: NetworkInMemory) -> Iterator[Store]:
    """A store that trusts the network's pinned policy."""
    with Store(Folder(folder), network.pinned) as store:
        yield store


async def sync(
    folder: Path,
    network: NetworkInMemory,
    *,
    source: Source | None = None,
    now: int | None = None,
    regions: frozenset[str] | None = None,
) -> Synced:
    """One sync in a process of its own: the store is opened and closed."""
    with opened(folder, network) as store:
        follower = Follower(store, source or network, regions=regions)
        return await follower.sync(network.now if now is None else now)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file in a folder but the lock."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }
