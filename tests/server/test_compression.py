"""What travels packed between a node and its readers."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.server.api.encodings import wants_gzip
from cosignal.server.ledger.packing import LEAST_SAVED, PackedFiles, pack
from cosignal.server.ledger.public_files import PublicFile
from tests.server.authorities import Authorities, authorities, some_keys

ENTRIES = "chain/1/tile/entries/000.p/3"
PACKED = (ENTRIES, "chain/policy", "chain/policy/1")
IMMUTABLE = "public, max-age=31536000, immutable"
#: Accept-Encoding, and whether what is sent is packed.
ASKED = [
    (None, False),
    ("", False),
    ("gzip", True),
    ("x-gzip", True),
    ("GZIP", True),
    ("deflate, gzip;q=0.1", True),
    ("gzip;q=0", False),
    ("gzip;q=0.0, *", False),
    ("*", True),
    ("*;q=0", False),
    ("identity", False),
    ("identity, gzip;q=0.5", False),
    ("identity;q=0.5, gzip;q=0.5", True),
    ("identity;q=0, gzip", True),
    ("identity;q=0", False),
    ("br, zstd", False),
    ("gzip;q=2", False),
    ("gzip;q=often", False),
    ("gzip;level=9", False),
    (";;,,q=1", False),
]


@dataclass(frozen=True)
class Raw:
    """An answer as it came, not unpacked."""

    status: int
    data: bytes
    headers: Mapping[str, str]

    @property
    def encoding(self) -> str | None:
        return self.headers.get("Content-Encoding")


class Reader:
    """Asks a node for raw answers, with no header but those given."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def ask(self, path: str, method: str = "GET", **headers: str | None) -> Raw:
        sent = {
            name.replace("_", "-"): value
            for name, value in headers.items()
            if value is not None
        }
        url = f"{self.url}/{path}"
        async with self.session.request(method, url, headers=sent) as answer:
            return Raw(answer.status, await answer.read(), answer.headers)


@asynccontextmanager
async def reading(node: Authorities) -> AsyncIterator[Reader]:
    async with aiohttp.ClientSession(
        auto_decompress=False, skip_auto_headers=["Accept-Encoding"]
    ) as session:
        yield Reader(node.url(1), session)


@pytest.fixture
async def reader(node: Authorities) -> AsyncIterator[Reader]:
    """Of a node with one block."""
    await node.publish(1, some_keys(20))
    await node.reach(3)
    async with reading(node) as reader:
        yield reader


async def test_a_reader_gets_what_it_asks_for(reader: Reader) -> None:
    for path in PACKED:
        plain = await reader.ask(path)
        for asked, packed in ASKED:
            found = await reader.ask(path, Accept_Encoding=asked)

            data = gzip.decompress(found.data) if packed else found.data
            expected = "gzip" if packed else None
            assert (expected, plain.data) == (found.encoding, data), (path, asked)
            assert found.headers["Vary"] == "Accept-Encoding"
            assert found.headers["Content-Type"] == plain.headers["Content-Type"]
            assert found.headers["Cache-Control"] == plain.headers["Cache-Control"]


async def test_packed_entries_are_smaller_and_immutable(reader: Reader) -> None:
    plain = await reader.ask(ENTRIES)
    packed = await reader.ask(ENTRIES, Accept_Encoding="gzip")

    assert len(packed.data) + LEAST_SAVED <= len(plain.data)
    assert packed.headers["Cache-Control"] == IMMUTABLE


async def test_random_bytes_and_single_lines_are_never_packed(
    node: Authorities, reader: Reader
) -> None:
    body = next((node.public(1) / "chain/1/body").iterdir()).name
    paths = (
        f"chain/1/body/{body}",
        "chain/1/tile/0/000.p/3",
        "chain/shards",
        "chain/evidence/",
        "chain/1/proof/1",
    )
    for path in paths:
        found = await reader.ask(path, Accept_Encoding="gzip")

        assert (found.status, found.encoding) == (200, None), path
        assert "Vary" not in found.headers


async def test_each_encoding_has_a_strong_tag_of_its_own(reader: Reader) -> None:
    for path in PACKED:
        plain = await reader.ask(path)
        packed = await reader.ask(path, Accept_Encoding="gzip")

        tags = {plain.headers["ETag"], packed.headers["ETag"]}
        assert len(tags) == 2
        assert all(tag.startswith('"') for tag in tags)


async def test_only_the_tag_of_what_would_be_sent_means_unchanged(
    reader: Reader,
) -> None:
    tags = {
        asked: (await reader.ask(ENTRIES, Accept_Encoding=asked)).headers["ETag"]
        for asked in ("identity", "gzip")
    }
    for asked, tag in tags.items():
        for held, known in tags.items():
            found = await reader.ask(
                ENTRIES, Accept_Encoding=asked, If_None_Match=known
            )

            assert (304 if held == asked else 200) == found.status, (asked, held)
            assert (tag, "Accept-Encoding", IMMUTABLE) == (
                found.headers["ETag"],
                found.headers["Vary"],
                found.headers["Cache-Control"],
            )
            if found.status == 304:
                assert (found.data, found.encoding) == (b"", None)


async def test_head_says_what_get_would_send(reader: Reader) -> None:
    for asked in ("identity", "gzip"):
        full = await reader.ask(ENTRIES, Accept_Encoding=asked)
        head = await reader.ask(ENTRIES, "HEAD", Accept_Encoding=asked)

        assert (200, b"", str(len(full.data))) == (
            head.status,
            head.data,
            head.headers["Content-Length"],
        )
        for name in ("ETag", "Vary", "Cache-Control", "Content-Type"):
            assert full.headers[name] == head.headers[name]
        assert full.encoding == head.encoding


async def test_a_range_is_answered_with_the_whole_file(
    node: Authorities, reader: Reader
) -> None:
    body = next((node.public(1) / "chain/1/body").iterdir()).name
    for path in (ENTRIES, f"chain/1/body/{body}"):
        whole = await reader.ask(path, Accept_Encoding="gzip")
        found = await reader.ask(path, Accept_Encoding="gzip", Range="bytes=0-9")

        assert (200, whole.data) == (found.status, found.data)
        assert "Content-Range" not in found.headers


async def test_what_saves_less_than_its_header_lines_is_sent_as_it_is(
    reader: Reader,
) -> None:
    # One authority's checkpoint: a few lines of base64.
    found = await reader.ask("chain/1/checkpoint", Accept_Encoding="gzip")

    assert (found.encoding, found.headers["Vary"]) == (None, "Accept-Encoding")


async def test_the_checkpoint_of_many_authorities_is_packed(tmp_path: Path) -> None:
    async with authorities(tmp_path, 8) as network:
        await network.start_all()
        async with reading(network) as reader:
            plain = await reader.ask("chain/1/checkpoint")
            packed = await reader.ask("chain/1/checkpoint", Accept_Encoding="gzip")

    assert packed.encoding == "gzip"
    assert plain.data == gzip.decompress(packed.data)
    assert packed.headers["Cache-Control"] == "public, max-age=2"


async def test_nodes_read_each_others_files_as_they_are(network: Authorities) -> None:
    await network.publish(2, some_keys(20))
    await network.reach(3)

    assert all(not ledger.holdings.packed._kept for ledger in network.ledgers)


@given(st.text(max_size=60))
def test_no_header_breaks_the_negotiation(header: str) -> None:
    assert wants_gzip(header) in (True, False)


def test_packing_the_same_bytes_gives_the_same_bytes() -> None:
    file = PublicFile.of(b"issuer authority-1\n" * 40)

    once, again = pack(file), pack(PublicFile.of(file.data))

    assert once is not None
    assert once == again
    assert bytes(4) == once.data[4:8]  # no time in it
    assert f"{file.tag}-gzip" == once.tag
    assert file.data == gzip.decompress(once.data)


class Counted(PackedFiles):
    """Counts how often it packs."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(most_bytes)
        self.packed = 0

    async def _pack(self, file: PublicFile) -> PublicFile | None:
        self.packed += 1
        return await super()._pack(file)


def text(seed: int) -> PublicFile:
    return PublicFile.of(f"entry {seed}\n".encode() * 100)


async def test_many_readers_at_once_have_a_file_packed_once() -> None:
    files = Counted(1 << 20)

    copies = await asyncio.gather(*(files.of(text(1)) for _ in range(20)))
    later = await files.of(text(1))

    assert files.packed == 1
    assert {later} == set(copies)


async def test_readers_of_many_files_leave_the_threads_to_the_disk() -> None:
    files = Counted(1 << 20)

    async with files._turn:
        waiting = [asyncio.create_task(files.of(text(seed))) for seed in range(200)]
        # All of them would have a thread by now, and this one none.
        assert await asyncio.to_thread(int) == 0
        assert not any(task.done() for task in waiting)

    assert len(set(await asyncio.gather(*waiting))) == 200


async def test_that_packing_does_not_pay_is_remembered() -> None:
    files = Counted(1 << 20)

    assert await files.of(PublicFile.of(b"1\n")) is None
    assert await files.of(PublicFile.of(b"1\n")) is None
    assert files.packed == 1


async def test_a_reader_who_leaves_does_not_disturb_those_who_stay() -> None:
    files = Counted(1 << 20)
    leaving = asyncio.create_task(files.of(text(1)))
    staying = asyncio.create_task(files.of(text(1)))
    await asyncio.sleep(0)

    leaving.cancel()

    assert await staying is not None
    assert leaving.cancelled()
    assert files.packed == 1


@pytest.mark.parametrize("make", [text, lambda seed: PublicFile.of(bytes([seed]))])
async def test_what_was_not_asked_for_longest_is_packed_again(
    make: Callable[[int], PublicFile],
) -> None:
    files = Counted(300)

    for seed in range(40):
        await files.of(make(seed))
    await files.of(make(39))
    await files.of(make(0))

    assert files.packed == 41
    assert files._bytes <= 300
