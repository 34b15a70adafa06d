"""How long a new phone takes from nothing to its exposures.

A country's fortnight: 50,000 keys a day for 14 days, a block every four hours, served
over HTTP by another process on another core. The phone has heard others at all hours
of all days, so that no key can be skipped by its time; it verifies everything, keeps it
in its one file, decodes, matches and weighs.
"""

import asyncio
import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter

from cosignal.client.phone.phone import Phone
from cosignal.client.phone.sighting_log import Heard
from cosignal.client.sources import HttpSource
from cosignal.protocol.exposure.metadata import Metadata
from tests.benchmarks.figures import note
from tests.benchmarks.machine import on_core, two_cores
from tests.client.phone.people import keys_of
from tests.network_in_memory import NetworkInMemory, sample_keys
from tests.strategies import NOW, counted_entropy

DAYS = 14
KEYS_A_DAY = 50_000
BLOCKS_A_DAY = 6
SIGHTINGS = 10_000
ROUNDS = 5
TX_POWER = -15

DAY = 86_400


def seconds() -> float:
    """Median time of a cold phone, on one core.

    Returns:
        Seconds, from an empty file to its alerts.
    """
    phone_core, server_core = two_cores()
    with tempfile.TemporaryDirectory(prefix="cosignal-cold-") as name:
        folder = Path(name)
        network = _prepare(folder)
        with (
            on_core(server_core),
            _served(folder / "public") as port,
            on_core(phone_core),
        ):
            times = [
                _one_phone(folder, number, network, port)
                for number in range(ROUNDS + 1)
            ]
    note(f"first run {times[0]:.2f} s, the others {min(times[1:]):.2f} s and more")
    return median(times[1:])


def _prepare(folder: Path) -> NetworkInMemory:
    """Write the chain's files, and a phone that has heard much and knows nothing."""
    pinned = NetworkInMemory().pinned
    friend = Phone(folder / "friend", pinned, entropy=counted_entropy("friend"))
    phone = Phone(folder / "phone", pinned, entropy=counted_entropy("phone"))
    with phone, friend, phone._database.write(), friend._database.write():
        _hear(phone, friend)
        network = _fortnight(friend)
    _write(network, folder / "public")
    return network


def _fortnight(friend: Phone) -> NetworkInMemory:
    """The chain; one key on it is a friend's, met in the days before."""
    network = NetworkInMemory(now=NOW - DAYS * DAY)
    network.configure()
    count = KEYS_A_DAY // BLOCKS_A_DAY
    for number in range(DAYS * BLOCKS_A_DAY):
        network.now += DAY // BLOCKS_A_DAY
        network.block(sample_keys(count, f"block {number}", network.now))
    network.block(keys_of(friend))
    network.publish()
    return network


def _hear(phone: Phone, friend: Phone) -> None:
    """Scans at all hours of all days; the friend is there for an hour of one."""
    stranger = counted_entropy("strangers")
    noon = NOW // DAY * DAY - 3 * DAY + DAY // 2
    for time in range(NOW - (DAYS + 1) * DAY, NOW, (DAYS + 1) * DAY // SIGHTINGS):
        if noon <= time < noon + 3600:
            payload = friend.broadcast(Metadata(TX_POWER), time).payload
        else:
            payload = stranger(20)
        phone.hear([Heard(payload, TX_POWER - 55)], time)


def _one_phone(folder: Path, number: int, network: NetworkInMemory, port: int) -> float:
    path = folder / f"phone-{number}"
    shutil.copy(folder / "phone", path)
    phone = Phone(path, network.pinned, entropy=counted_entropy("phone"))
    start = perf_counter()
    raised = asyncio.run(_sync(phone, port))
    taken = perf_counter() - start
    if raised != 1:
        raise AssertionError(f"expected one alert, got {raised}")
    phone.delete_everything()
    return taken


async def _sync(phone: Phone, port: int) -> int:
    async with HttpSource(f"http://127.0.0.1:{port}") as source:
        return len((await phone.sync([source], NOW)).news.raised)


def _write(network: NetworkInMemory, folder: Path) -> None:
    for path, data in network.published.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


class _Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(folder: Path, port: Connection) -> None:
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def _served(folder: Path) -> Iterator[int]:
    """Serve a folder by a process of its own; gives the port."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(folder, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()
