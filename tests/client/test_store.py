import shutil
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.client.folders import PRIVATE, Folder
from cosignal.client.follower import Follower
from cosignal.client.state import (
    encode_state,
    network_of,
    parse_state,
    start_state,
)
from cosignal.client.store import MAX_KEPT, STATE_PATH, DamagedError, Store
from cosignal.protocol.errors import (
    CosignalError,
    FatalError,
    MalformedError,
    RefusedError,
    UsageError,
)
from cosignal.protocol.evidence import LOG_EQUIVOCATION, Evidence
from tests.client.crashes import DyingFolder, PowerCutError
from tests.client.followers import opened, snapshot, sync
from tests.network_in_memory import NETWORK, RETENTION, NetworkInMemory
from tests.protocol.sample_log import flipped, parses_or_is_malformed
from tests.strategies import NOW


def grown() -> tuple[NetworkInMemory, NetworkInMemory]:
    """A network, and the same one later: more of everything, something expired."""
    network = NetworkInMemory(now=NOW - RETENTION)
    network.block()
    for _ in range(252):
        network.add(network.revocation())
    network.publish()
    earlier = network.fork()
    network.now = NOW
    block = network.block()
    network.revoke(block)
    network.configure()
    network.next_shard()
    network.block(issuer=3)
    network.configure()
    network.publish()
    return earlier, network


async def test_a_phone_may_die_at_every_step_and_goes_on_where_it_was(
    tmp_path: Path,
) -> None:
    earlier, network = grown()
    await sync(tmp_path / "earlier", earlier)
    shutil.copytree(tmp_path / "earlier", tmp_path / "goal")
    await sync(tmp_path / "goal", network)
    goal = snapshot(tmp_path / "goal")

    for after in (False, True):
        step, finished = 0, False
        while not finished:
            step += 1
            folder = tmp_path / f"{step}{after}"
            shutil.copytree(tmp_path / "earlier", folder)
            finished = await dies(folder, network, step, after=after)
            await sync(folder, network)

            held = snapshot(folder)
            assert {path: held[path] for path in goal} == goal, (step, after)
            assert all(".p/" in path for path in held.keys() - goal.keys())
        assert step > 15


async def test_a_phone_may_die_again_and_again(tmp_path: Path) -> None:
    earlier, network = grown()
    await sync(tmp_path / "goal", earlier)
    await sync(tmp_path / "goal", network)
    folder = tmp_path / "phone"
    await sync(folder, earlier)

    step = 5
    while not await dies(folder, network, step, after=step % 2 == 0):
        step += 1

    held = snapshot(folder)
    for path, data in snapshot(tmp_path / "goal").items():
        assert held[path] == data


async def dies(
    folder: Path, network: NetworkInMemory, step: int, *, after: bool
) -> bool:
    """Sync in a process that dies at a step; say whether it got through."""
    dying = DyingFolder(folder, step, after=after)
    try:
        with Store(dying, network.pinned) as store:
            await Follower(store, network).sync(network.now)
    except PowerCutError:
        return False
    return True


async def test_what_a_store_knows_survives_closing(tmp_path: Path) -> None:
    earlier, network = grown()
    await sync(tmp_path, earlier)
    with opened(tmp_path, network) as store:
        await Follower(store, network).sync(network.now)
        blocks, state = list(store.blocks), store.state

    with opened(tmp_path, network) as store:
        assert (blocks, state) == (store.blocks, store.state)
        assert [store.revoked(block) for block in blocks] == [True, False]
        assert len(list(store.entries("1", 0, 10_000))) == store.state.size_of("1")


async def test_a_state_is_the_same_after_the_file(tmp_path: Path) -> None:
    _, network = grown()
    network.now = NOW
    await sync(tmp_path, network)
    with opened(tmp_path, network) as store:
        state = store.state

    assert parse_state(encode_state(state), network.pinned) == state


@given(st.binary() | st.just(encode_state(start_state(NetworkInMemory().pinned))))
def test_any_file_is_a_state_or_malformed(data: bytes) -> None:
    pinned = NetworkInMemory().pinned

    parses_or_is_malformed(lambda item: parse_state(item, pinned), data)


async def test_a_damaged_state_is_refused_with_advice(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.publish()
    await sync(tmp_path, network)
    path = tmp_path / STATE_PATH
    path.write_bytes(path.read_bytes()[:-9])

    with pytest.raises(MalformedError) as caught:
        await sync(tmp_path, network)

    assert "sync again" in caught.value.advice


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b'"size": 1', b'"size": Infinity'),
        (b'"policy": "', b'"policy": 5, "x": "'),
        (b'"live":["1"', b'"live":["2"'),
    ],
)
async def test_a_state_of_another_shape_is_malformed(
    tmp_path: Path, field: bytes, value: bytes
) -> None:
    network = NetworkInMemory()
    network.publish()
    await sync(tmp_path, network)
    state = (tmp_path / STATE_PATH).read_bytes()
    assert field in state

    with pytest.raises(MalformedError):
        parse_state(state.replace(field, value), network.pinned)


class FullFolder(Folder):
    """A folder on a disk that is full, until somebody makes room."""

    full = True

    def put(self, path: str, data: bytes) -> None:
        if self.full:
            raise OSError(ENOSPC, "No space left on device")
        super().put(path, data)


async def test_a_full_disk_is_no_obstacle_once_there_is_room(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()
    folder = FullFolder(tmp_path)
    with Store(folder, network.pinned) as store:
        with pytest.raises(OSError, match="No space left"):
            await Follower(store, network).sync(network.now)
        assert store.blocks == []
        folder.full = False

        await Follower(store, network).sync(network.now)

        assert [block.index for block in store.blocks] == [1]


@given(st.data())
async def test_a_bit_that_changed_in_a_state_is_noticed(data: st.DataObject) -> None:
    network = NetworkInMemory()
    written = encode_state(start_state(network.pinned))
    changed = flipped(written, data.draw(st.integers(0, len(written) * 8 - 1)))

    try:
        state = parse_state(changed, network.pinned)
    except CosignalError:
        return
    # The digest's own last digit has bits that mean nothing.
    assert state == start_state(network.pinned)


async def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.publish()
    await sync(tmp_path, network)
    path = tmp_path / STATE_PATH
    path.write_bytes(path.read_bytes().replace(b'"version":2', b'"version":3', 1))

    with pytest.raises(MalformedError, match="version 2"):
        await sync(tmp_path, network)


@pytest.mark.parametrize("damaged", [None, b"?"])
async def test_lost_entries_stop_the_follower(
    tmp_path: Path, damaged: bytes | None
) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()
    await sync(tmp_path, network)
    path = tmp_path / "chain/1/tile/entries/000.p/2"
    path.unlink()
    if damaged:
        path.write_bytes(damaged)

    with pytest.raises(FatalError, match="entries/000"):
        await sync(tmp_path, network)


async def test_another_policy_file_of_the_same_name_does_not_take_the_folder(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.publish()
    await sync(tmp_path, network)
    before = snapshot(tmp_path)
    fewer = replace(network.pinned, quorum=network.pinned.witnesses[0].name)
    others = (replace(network.pinned, first=bytes(32)), fewer)

    for pinned in others:
        with pytest.raises(RefusedError, match="this policy file begins") as caught:
            Store(Folder(tmp_path), pinned)
        assert "this network's file" in caught.value.advice
    assert before == snapshot(tmp_path)
    with opened(tmp_path, network) as store:
        assert store.state.chain.size == len(network.entries)


def test_only_so_many_refused_notes_are_kept(tmp_path: Path) -> None:
    network = NetworkInMemory()
    with opened(tmp_path, network) as store:
        kept = [store.keep_refused(b"%d" % number) for number in range(MAX_KEPT + 3)]

    assert kept.count(None) == 3


def test_only_so_many_evidence_files_are_kept(tmp_path: Path) -> None:
    network = NetworkInMemory()
    lies = [
        Evidence(LOG_EQUIVOCATION, b"%d" % number, b"0") for number in range(MAX_KEPT)
    ]
    with opened(tmp_path, network) as store:
        kept = [store.keep_evidence(item) for item in [*lies, lies[0]]]
        more = store.keep_evidence(Evidence(LOG_EQUIVOCATION, b"one more", b"0"))

    assert (None in kept, kept[-1], more) == (False, kept[0], None)


def test_what_a_crash_left_is_cleared(tmp_path: Path) -> None:
    network = NetworkInMemory()
    stray = tmp_path / PRIVATE / ".state.json.7.tmp"
    Folder(tmp_path)
    stray.write_bytes(b"half")

    with opened(tmp_path, network):
        assert not stray.exists()


def test_the_pinned_policy_names_the_network() -> None:
    policy = NetworkInMemory().pinned

    assert network_of(policy) == NETWORK


def test_a_policy_without_a_first_shard_is_refused() -> None:
    network = NetworkInMemory()
    later = network.change_policy(shards=["2", "3"]).trust

    with pytest.raises(UsageError, match="got 0"):
        network_of(later)


@pytest.mark.parametrize("entry", range(3))
async def test_an_entry_that_changed_on_the_disk_stops_the_follower(
    tmp_path: Path, entry: int
) -> None:
    network = NetworkInMemory()
    for _ in range(2):
        network.block()
    network.publish()
    await sync(tmp_path, network)
    path = tmp_path / "chain/1/tile/entries/000.p/3"
    # The last byte of an entry is of a signature; whatever it is, it can be read.
    end = path.read_bytes().index(network.entries[entry]) + len(network.entries[entry])
    data = bytearray(path.read_bytes())
    data[end - 5] ^= 1
    path.write_bytes(data)

    # The policy is no block; what stands before the first live one is not read.
    if entry == 0:
        assert (await sync(tmp_path, network)).entries == 0
    else:
        with pytest.raises(DamagedError, match="entries/000") as caught:
            await sync(tmp_path, network)
        assert "Delete" in caught.value.advice


async def test_what_changed_on_the_disk_is_taken_from_a_source_again(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()
    with opened(tmp_path, network) as store:
        await Follower(store, network).sync(network.now)
        path = tmp_path / "chain/1/tile/entries/000.p/2"
        data = bytearray(path.read_bytes())
        data[200] ^= 1
        path.write_bytes(data)
        network.block()
        network.publish()

        synced = await Follower(store, network).sync(network.now)

        assert (synced.entries, synced.bodies) == (1, 1)
        assert list(store.entries("1", 0, 3)) == network.entries
