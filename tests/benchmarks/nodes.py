"""A network of real node processes on loopback, for one benchmark."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from time import monotonic

from cosignal.server.clock import system_entropy
from cosignal.server.network import NetworkPlan, write_network
from tests.faults.observed import free_ports

ROOT = Path(__file__).parents[2]
NETWORK = "benchmark.example"
#: A new network begins with policy and configuration.
FIRST_SIZE = 2
PATIENCE = 60.0
POLL_SECONDS = 1.0
# The timer shall not seal by itself: benchmarks say when.
NEVER_SECONDS = 86_400

Event = dict[str, int]


class NodeProcess:
    """One node: `tests.benchmarks.node` in a process of its own."""

    def __init__(self, config: Path, port: int) -> None:
        """Start it; `wait` for `published` before using it."""
        self.folder = config.parent
        self.port = port
        self._log = (self.folder / "node.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.node", str(config)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._events: Queue[Event] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def cpu_seconds(self) -> float:
        """Processor time that all its threads have taken."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def order(self, text: str) -> None:
        """Give an order; `tests.benchmarks.node` lists them."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def wait(self, name: str, least: int = 0) -> Event:
        """Take events until one has this name, and a value not below `least`.

        Raises:
            AssertionError: None came in time, or the node ended; says what it logged
                last.
        """
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline:
            try:
                event = self._events.get(timeout=POLL_SECONDS)
            except Empty:
                if self._process.poll() is not None:
                    break
            else:
                if event.get(name, -1) >= least:
                    return event
        raise AssertionError(f"no {name!r} from {self.last_log()}")

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it, if it has not ended, and give back what it took."""
        self.kill()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            assert pipe is not None
            pipe.close()

    def last_log(self) -> str:
        """The end of its log."""
        text = (self.folder / "node.log").read_text(errors="replace")
        lines = "\n    ".join(text.splitlines()[-15:])
        return f"{self.folder.name} (exit: {self._process.poll()}):\n    {lines}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))


@contextmanager
def running_network(authorities: int) -> Iterator[Sequence[NodeProcess]]:
    """Found a network and run its nodes, until the context ends.

    Args:
        authorities: How many nodes.

    Yields:
        The nodes; the first one sequences. All have published the first checkpoint.
    """
    folder = Path(tempfile.mkdtemp(prefix="cosignal-benchmark-"))
    ports = free_ports(authorities)
    plan = NetworkPlan.on_loopback(NETWORK, ports, seal_seconds=NEVER_SECONDS)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        configs = write_network(folder / "network", plan, system_entropy)
        nodes = []
        for config, port in zip(configs, ports, strict=True):
            nodes.append(NodeProcess(config, port))
            stack.callback(nodes[-1].close)
        for node in nodes:
            node.wait("published", FIRST_SIZE)
        yield nodes
