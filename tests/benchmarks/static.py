"""How fast a node serves a body, compared with nginx on the same file and core.

A phone's dearest download is a body of about 64 KiB. Node and nginx take turns on one
core; what loads them is on another: wrk where it is installed, which is quick enough to
keep nginx busy, else `tests.benchmarks.load`, which is not, so that the ratio comes out
too high.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from tests.benchmarks.figures import NotHereError, note
from tests.benchmarks.load import load
from tests.benchmarks.machine import on_core, two_cores
from tests.benchmarks.nodes import FIRST_SIZE, PATIENCE, NodeProcess, running_network
from tests.faults.observed import free_ports

KEYS = 4_040  # make 64 KiB
ROUNDS = 7
SECONDS = 2
CONNECTIONS = 32
REQUESTS = 8_000
# The fastest nginx can be: nothing logged, files kept open, the kernel copies.
NGINX = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    open_file_cache max=64 inactive=1h;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port};
        root {public};
    }}
}}
"""


def ratio_to_nginx() -> float:
    """Requests a second of the node, divided by those of nginx with one worker."""
    binary = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/bin")
    if binary is None:
        raise NotHereError("nginx is not installed")
    server, loader = two_cores()
    rates: dict[int, list[float]] = {}
    with on_core(server), running_network(1) as (node,):
        path = _publish_body(node)
        with _nginx(binary, node) as port, on_core(loader):
            for _ in range(ROUNDS):
                for each in (node.port, port):
                    rates.setdefault(each, []).append(_rate(each, path))
    ours, theirs = (median(each) for each in rates.values())
    note(f"node {ours:.0f}/s, nginx {theirs:.0f}/s")
    return ours / theirs


def _publish_body(node: NodeProcess) -> str:
    """Put a body of 64 KiB on the chain; say where it is."""
    node.order(f"fill {KEYS} 64")
    node.order("seal")
    node.wait("published", FIRST_SIZE + 1)
    public = node.folder / "data" / "public"
    (file,) = (public / "chain" / "1" / "body").iterdir()
    note(f"a body of {file.stat().st_size} bytes")
    return f"/{file.relative_to(public)}"


@contextmanager
def _nginx(binary: str, node: NodeProcess) -> Iterator[int]:
    """Serve the node's public folder by nginx; gives the port."""
    (port,) = free_ports(1)
    public = node.folder / "data" / "public"
    config = node.folder / "nginx.conf"
    config.write_text(NGINX.format(folder=node.folder, public=public, port=port))
    process = subprocess.Popen(
        [binary, "-p", str(node.folder), "-c", str(config)], stderr=subprocess.DEVNULL
    )
    try:
        _await_file(node.folder / "nginx.pid", process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _await_file(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = perf_counter() + PATIENCE
    while not path.exists():
        if process.poll() is not None or perf_counter() > deadline:
            raise AssertionError("nginx does not run; see its log in the node's folder")
        sleep(0.05)


def _rate(port: int, path: str) -> float:
    """Requests a second that a server answers."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return _own_rate(port, path)
    url = f"http://127.0.0.1:{port}{path}"
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec: *([0-9.]+)", said)
    if found is None or "Non-2xx" in said or "Socket errors" in said:
        raise AssertionError(f"expected good answers only, got: {said}")
    return float(found[1])


def _own_rate(port: int, path: str) -> float:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    start = perf_counter()
    answers = load(port, repeat(request, REQUESTS), CONNECTIONS)
    if any(answer.status != 200 for answer in answers):
        raise AssertionError("expected good answers only")
    return len(answers) / (perf_counter() - start)
