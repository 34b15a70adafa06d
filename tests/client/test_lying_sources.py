"""Every lie that a source can tell, and what becomes of it."""

from pathlib import Path

import pytest

from cosignal.client.paths import checkpoint_path
from cosignal.protocol.errors import (
    BodyMismatchError,
    ChainRuleError,
    MalformedError,
    SignatureInvalidError,
    UnavailableError,
    VerificationError,
)
from cosignal.protocol.tiles import entry_bundle, parse_entry_bundle
from tests.client.followers import opened, sync
from tests.client.test_follower import network_of

CHECKPOINT = checkpoint_path("1")


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

    with pytest.raises(error):
        await sync(tmp_path, network)

    assert not (tmp_path / path).exists()
    network.honest()
    assert (await sync(tmp_path, network)).bodies == 1
