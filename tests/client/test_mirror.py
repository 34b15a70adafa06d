import shutil
from pathlib import Path

import pytest

from cosignal.client.folders import Folder
from cosignal.client.mirror import Mirrored, mirror
from cosignal.client.paths import checkpoint_path
from cosignal.client.sources import FolderSource, Source
from cosignal.client.store import Store
from cosignal.protocol.errors import FatalError, StaleError, UnavailableError
from tests.client.crashes import DyingFolder, PowerCutError
from tests.client.followers import opened, snapshot, sync
from tests.network_in_memory import RETENTION, NetworkInMemory
from tests.strategies import NOW

CHECKPOINT = checkpoint_path("1")


async def copy(
    folder: Path, network: NetworkInMemory, source: Source | None = None
) -> Mirrored:
    with opened(folder, network) as store:
        return await mirror(source or network, store, network.now)


def public(folder: Path) -> dict[str, bytes]:
    return {
        path: data
        for path, data in snapshot(folder).items()
        if not path.startswith(".cosignal")
    }


async def test_a_mirror_holds_what_the_network_publishes_byte_for_byte(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    for _ in range(300):
        network.block()
    network.publish()

    await copy(tmp_path, network)

    assert public(tmp_path) == network.published


async def test_a_mirror_of_several_shards_and_policies_is_whole(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block()
    network.next_shard()
    network.block()
    network.change_policy([1, 2, 3, 4, 5])
    network.publish()

    await copy(tmp_path, network)

    assert public(tmp_path) == network.published


async def test_a_mirror_of_a_mirror_is_the_same(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()

    await copy(tmp_path / "a", network)
    await copy(tmp_path / "b", network, FolderSource(tmp_path / "a"))

    assert public(tmp_path / "a") == public(tmp_path / "b")


async def test_a_mirror_grows_and_keeps_what_older_checkpoints_need(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    for blocks in (3, 100, 200):
        for _ in range(blocks):
            network.block()
        network.publish()
        await copy(tmp_path, network)

    held = public(tmp_path)
    # The full files took the place of the partial ones; a reader falls back to them.
    replaced = {
        path
        for path in network.published
        if path.startswith(("chain/1/tile/0/000.p/", "chain/1/tile/entries/000.p/"))
    }
    assert len(replaced) == 4
    assert held == {
        path: data for path, data in network.published.items() if path not in replaced
    }


async def test_a_mirror_erases_what_expires(tmp_path: Path) -> None:
    network = NetworkInMemory()
    block = network.block()
    network.publish()
    await copy(tmp_path, network)
    network.now += RETENTION
    network.expire()
    network.publish()

    done = await copy(tmp_path, network)

    assert done.synced.erased == 1
    assert not (tmp_path / f"chain/1/body/{block.commit.hex()}").exists()


async def test_a_mirror_publishes_nothing_that_lacks_a_body(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()
    path = next(item for item in network.published if "/body/" in item)
    network.drop(path)

    with pytest.raises(UnavailableError, match="body"):
        await copy(tmp_path, network)
    assert not (tmp_path / CHECKPOINT).exists()

    network.honest()
    await copy(tmp_path, network)
    assert public(tmp_path) == network.published


async def test_a_stale_source_leaves_the_mirror_as_it_was(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()
    await copy(tmp_path, network)
    before = public(tmp_path)
    network.now += 86401

    with pytest.raises(StaleError):
        await copy(tmp_path, network)

    assert public(tmp_path) == before


async def test_a_lost_tile_is_named(tmp_path: Path) -> None:
    network = NetworkInMemory()
    for _ in range(300):
        network.block()
    network.publish()
    await copy(tmp_path, network)
    (tmp_path / "chain/1/tile/0/000").unlink()
    for _ in range(300):
        network.block()
    network.publish()

    with pytest.raises(FatalError, match="tile/0/000"):
        await copy(tmp_path, network)


async def test_a_phone_can_read_the_mirror_at_every_moment(tmp_path: Path) -> None:
    """Cut the power at each durable step; what is published is always a whole tree."""
    network = NetworkInMemory(now=NOW - RETENTION)
    network.block()  # expires with the second run
    for _ in range(252):
        network.add(network.revocation())
    network.publish()
    earlier = network.fork()
    network.now = NOW
    network.change_policy([1, 2, 3, 4])
    network.block()
    network.block()
    network.publish()
    await copy(tmp_path / "earlier", earlier)
    await copy(tmp_path / "goal", earlier)
    await copy(tmp_path / "goal", network)
    goal = public(tmp_path / "goal")

    for after in (False, True):
        step, finished = 0, False
        while not finished:
            step += 1
            folder = tmp_path / f"{step}{after}"
            shutil.copytree(tmp_path / "earlier", folder)
            finished = await run_until(folder, network, step, after=after)
            await check_readable(folder, network, tmp_path / f"phone{step}{after}")
            await copy(folder, network)

            held = public(folder)
            assert {path: held[path] for path in goal} == goal
            # A partial file whose full one is there may stay; it does no harm.
            assert all(".p/" in path for path in held.keys() - goal.keys())
        assert step > 20


async def run_until(
    folder: Path, network: NetworkInMemory, step: int, *, after: bool
) -> bool:
    """Mirror with a process that dies; say whether it got through."""
    dying = DyingFolder(folder, step, after=after)
    try:
        with Store(dying, network.pinned) as store:
            await mirror(network, store, network.now)
    except PowerCutError:
        return False
    return True


async def check_readable(folder: Path, network: NetworkInMemory, phone: Path) -> None:
    """A new phone reads what is published; at worst it is from before the run."""
    old = (folder / CHECKPOINT).read_bytes() != network.published[CHECKPOINT]
    now = NOW - RETENTION if old else NOW

    await sync(phone, network, source=FolderSource(folder), now=now)


async def test_an_interrupted_first_sync_does_not_fetch_twice(tmp_path: Path) -> None:
    network = NetworkInMemory()
    for _ in range(9 * 256):
        network.add(network.revocation())
    network.publish()
    network.drop("chain/1/tile/entries/008")
    with pytest.raises(Exception, match="entries/008"):
        await copy(tmp_path, network)
    network.honest()
    network.requests.clear()

    await copy(tmp_path, network)

    fetched = [path for path in network.requests if "entries" in path]
    assert fetched == ["chain/1/tile/entries/008", "chain/1/tile/entries/009.p/1"]


async def test_an_interrupted_lie_is_found_out_and_replaced(tmp_path: Path) -> None:
    network = NetworkInMemory()
    for _ in range(9 * 256):
        network.add(network.revocation())
    network.publish()
    with opened(tmp_path, network) as store:
        # As if a liar had served other entries, and the power had failed then.
        path = "chain/1/tile/entries/000"
        store.folder.put(path, network.published["chain/1/tile/entries/001"])

    await copy(tmp_path, network)

    assert public(tmp_path) == network.published


async def test_a_folder_that_is_held_is_not_touched(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.hold()
    folder.release()
    folder.release()

    assert folder.read("nothing") is None
    assert folder.names("nowhere") == []
    assert not folder.erase("nothing")
