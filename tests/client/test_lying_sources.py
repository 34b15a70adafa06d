"""Every lie that a source can tell, and what becomes of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from cosignal.client.downloads import fetch_shards, fetch_tile
from cosignal.client.paths import SHARDS_PATH, checkpoint_path
from cosignal.client.sources import MAX_FILE_BYTES
from cosignal.protocol.errors import (
    BodyMismatchError,
    ChainRuleError,
    ConsistencyError,
    MalformedError,
    SignatureInvalidError,
    UnavailableError,
    VerificationError,
)
from cosignal.protocol.records import sign_record
from cosignal.protocol.tiles import Tile, entry_bundle, parse_entry_bundle
from tests.client.followers import opened, sync
from tests.client.test_follower import network_of
from tests.network_in_memory import NetworkInMemory, authority

CHECKPOINT = checkpoint_path("1")


def change_known_entry(data: bytes) -> bytes:
    first, _, third, *rest = parse_entry_bundle(data, 5)
    return entry_bundle([first, third, third, *rest])


def swap_entries(data: bytes) -> bytes:
    first, second, third, *rest = parse_entry_bundle(data, 4)
    return entry_bundle([first, third, second, *rest])


LIES = {
    "an entry is cut": (
        "chain/1/tile/entries/000.p/4",
        lambda data: data[:-1],
        MalformedError,
    ),
    "an entry is changed": (
        "chain/1/tile/entries/000.p/4",
        lambda data: data[:-1] + b"?",
        VerificationError,
    ),
    "two entries are swapped": (
        "chain/1/tile/entries/000.p/4",
        swap_entries,
        ChainRuleError,
    ),
    "the checkpoint's size is changed": (
        CHECKPOINT,
        lambda data: data.replace(b"\n4\n", b"\n5\n"),
        SignatureInvalidError,
    ),
    "the checkpoint is another log's": (
        CHECKPOINT,
        lambda data: data.replace(b"memory.example/1", b"memory.example/7"),
        SignatureInvalidError,
    ),
    "the checkpoint is a web page": (
        CHECKPOINT,
        lambda _: b"<html>Welcome to this hotel",
        MalformedError,
    ),
    "the checkpoint never ends": (
        CHECKPOINT,
        lambda data: data + bytes(2_000_000),
        UnavailableError,
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_changes_nothing(tmp_path: Path, lie: str) -> None:
    path, change, error = LIES[lie]
    network = network_of(3)
    network.change(path, change)

    with pytest.raises(error):
        await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        assert (store.state.chain.size, store.blocks) == (0, [])
    network.honest()
    assert (await sync(tmp_path, network)).bodies == 3


async def test_entries_verified_before_cannot_be_changed_beside_new_ones(
    tmp_path: Path,
) -> None:
    network = network_of(3)
    await sync(tmp_path, network)
    with opened(tmp_path, network) as store:
        known = list(store.blocks)
    network.block()
    network.publish()
    network.change("chain/1/tile/entries/000.p/5", change_known_entry)

    with pytest.raises(ConsistencyError, match="verified before"):
        await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        assert store.blocks == known
    network.honest()
    assert (await sync(tmp_path, network)).entries == 1
    with opened(tmp_path, network) as store:
        assert store.blocks[:3] == known


class Measured(NetworkInMemory):
    """A source that remembers how many bytes it was asked for at most."""

    largest = 0

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        self.largest = max(self.largest, limit)
        return await super().get(path, limit)


async def test_no_stated_size_makes_a_phone_take_any_number_of_bytes(
    tmp_path: Path,
) -> None:
    network = Measured()
    honest = network.block()
    network.entries.pop()
    huge = replace(honest, body_bytes=(1 << 63) - 1)
    network.add(sign_record(huge, authority(2).issuer))
    network.publish()

    synced = await sync(tmp_path, network)

    assert isinstance(synced.error, BodyMismatchError)
    assert network.largest <= MAX_FILE_BYTES


async def test_a_tile_or_a_list_of_shards_is_no_larger_than_it_can_be() -> None:
    network = network_of(1)
    for path in ("chain/1/tile/0/000.p/2", SHARDS_PATH):
        network.change(path, lambda data: data + b"\n" * 200_000)

    with pytest.raises(UnavailableError, match="8192"):
        await fetch_tile(network, "1", Tile(0, 0, 2))
    with pytest.raises(UnavailableError, match="100000"):
        await fetch_shards(network)


BODY_LIES = {
    "a bit is flipped": (
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        BodyMismatchError,
    ),
    "it is cut": (lambda data: data[:-16], BodyMismatchError),
    "it is longer": (lambda data: data + bytes(16), UnavailableError),
    "it is empty": (lambda _: b"", BodyMismatchError),
}


@pytest.mark.parametrize("lie", BODY_LIES)
async def test_a_lie_about_a_body_is_refused(tmp_path: Path, lie: str) -> None:
    change, error = BODY_LIES[lie]
    network = network_of(1)
    path = next(item for item in network.published if "/body/" in item)
    network.change(path, change)

    synced = await sync(tmp_path, network)

    assert isinstance(synced.error, error)
    assert [block.path for block in synced.missing] == [path]
    assert not (tmp_path / path).exists()
    network.honest()
    synced = await sync(tmp_path, network)
    assert (synced.bodies, synced.missing, synced.error) == (1, (), None)


async def test_one_damaged_body_costs_none_of_the_others(tmp_path: Path) -> None:
    network = network_of(20)
    paths = [item for item in network.published if "/body/" in item]
    network.change(paths[3], lambda data: data[:-1])

    synced = await sync(tmp_path, network)

    assert (synced.bodies, [block.path for block in synced.missing]) == (19, [paths[3]])


class Silent(NetworkInMemory):
    """A source that gives no bodies, nor an answer."""

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        if "/body/" in path:
            self.requests.append(path)
            raise UnavailableError(f"{path}: expected an answer, got none")
        return await super().get(path, limit)


async def test_a_source_that_answers_no_more_is_not_asked_for_every_body(
    tmp_path: Path,
) -> None:
    network = Silent()
    for _ in range(20):
        network.block()
    network.publish()

    synced = await sync(tmp_path, network)

    assert len(synced.missing) == 20
    assert isinstance(synced.error, UnavailableError)
    assert len([path for path in network.requests if "/body/" in path]) == 8
