"""One flipped bit, anywhere in what a source serves: refused, or without effect."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosignal.client.paths import checkpoint_path
from cosignal.protocol.errors import CosignalError
from tests.client.followers import opened, sync
from tests.network_in_memory import NetworkInMemory
from tests.protocol.sample_log import flipped


def sample() -> NetworkInMemory:
    network = NetworkInMemory()
    network.block()
    network.block(issuer=3)
    network.publish()
    return network


NETWORK = sample()
CHECKPOINT = checkpoint_path("1")
HEADERS = "chain/1/tile/entries/000.p/3"
BODY = next(path for path in NETWORK.published if "/body/" in path)


def bits(path: str) -> st.SearchStrategy[int]:
    return st.integers(0, len(NETWORK.published[path]) * 8 - 1)


async def outcome(path: str, bit: int) -> bool:
    """Sync with one bit flipped; say whether the sync accepted what it saw."""
    network = NETWORK.fork()
    network.change(path, lambda data: flipped(data, bit))
    with TemporaryDirectory() as folder:
        try:
            synced = await sync(Path(folder), network)
        except CosignalError:
            with opened(Path(folder), network) as store:
                assert store.state.chain.size == 0
            return False
        if synced.missing:
            assert [block.path for block in synced.missing] == [BODY]
            assert not (Path(folder) / BODY).exists()
    return not synced.missing


@settings(max_examples=60, deadline=None)
@given(bits(HEADERS))
async def test_no_bit_of_a_header_may_change(bit: int) -> None:
    assert not await outcome(HEADERS, bit)


@settings(max_examples=60, deadline=None)
@given(bits(BODY))
async def test_no_bit_of_a_body_may_change(bit: int) -> None:
    assert not await outcome(BODY, bit)


@settings(max_examples=60, deadline=None)
@given(bits(CHECKPOINT))
async def test_no_bit_of_a_checkpoint_may_change(bit: int) -> None:
    """A line that names another key by the change is unknown, and may be ignored."""
    if await outcome(CHECKPOINT, bit):
        assert in_key_name(bit // 8)


def in_key_name(position: int) -> bool:
    """Whether a byte belongs to a cosigner's name or key ID, of which one is spare."""
    data = NETWORK.published[CHECKPOINT]
    start = data.rfind(b"\n", 0, position) + 1
    line = data[start : data.find(b"\n", position)]
    name = line.split(b" ")[1] if line.startswith("—".encode()) else b""
    # The dash, the name, and six base64 digits: four bytes of key ID, and a bit more.
    return b"authority" in name and position - start < 4 + len(name) + 1 + 6


@pytest.mark.parametrize("path", [CHECKPOINT, HEADERS, BODY])
async def test_the_sample_itself_is_accepted(path: str) -> None:
    network = NETWORK.fork()
    network.change(path, bytes)
    with TemporaryDirectory() as folder:
        assert (await sync(Path(folder), network)).bodies == 2
