"""The command as people and scripts see it: output, exit codes, signals."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.server.authorities import free_ports
from tests.tls import self_signed

COMMAND = Path(sys.executable).with_name("cosignal")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def new_network(folder: Path) -> dict[str, Any]:
    port = free_ports(1)[0]
    done = run(
        "network",
        "new",
        folder,
        "--authorities",
        "1",
        "--base-port",
        f"{port}",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return value


@contextmanager
def serving(config: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [COMMAND, "serve", "--config", config, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", [("network", "new"), ("serve",), ("code", "issue")])
def test_help_shows_an_example(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")

    assert done.returncode == 0
    assert f"Example: cosignal {' '.join(command)}" in done.stdout
    assert "--json" in done.stdout


def test_a_network_is_made_served_used_and_stopped(tmp_path: Path) -> None:
    made = new_network(tmp_path / "trial")
    config = Path(made["configs"][0])

    with serving(config, "--json") as (process, line):
        ready = json.loads(line)
        issued = run(
            *("code", "issue", "--json", "--url", ready["url"]),
            *("--api-key-file", config.parent / "api-keys" / "issuing.key"),
        )
        process.send_signal(signal.SIGTERM)
        _, logged = process.communicate(timeout=30)

    assert ready == {"node": "authority-1", "url": made["nodes"][0]}
    assert len(json.loads(issued.stdout)["longCode"]) == 16
    assert process.returncode == 0
    events = [json.loads(entry)["event"] for entry in logged.splitlines()]
    assert "node_started" in events
    assert events[-2:] == ["node_stopping", "node_stopped"]


def test_plain_output_is_for_people(tmp_path: Path) -> None:
    made = new_network(tmp_path / "trial")

    with serving(Path(made["configs"][0])) as (process, line):
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert line == f"authority-1 listens on {made['nodes'][0]}\n"
    assert process.returncode == 0


def test_wrong_settings_exit_with_2_and_say_the_fix(tmp_path: Path) -> None:
    done = run("serve", "--config", tmp_path / "none.toml")

    assert done.returncode == 2
    assert "cosignal: config: expected a readable file" in done.stderr
    assert "cosignal network new" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_options_exit_with_2() -> None:
    assert run("network", "new").returncode == 2
    assert run("nonsense").returncode == 2


def test_a_node_that_does_not_answer_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x")
    url = f"http://127.0.0.1:{free_ports(1)[0]}"

    done = run("code", "issue", "--url", url, "--api-key-file", tmp_path / "key")

    assert done.returncode == 1
    assert "expected an answer" in done.stderr


def test_a_folder_that_cannot_be_used_is_named_without_a_traceback(
    tmp_path: Path,
) -> None:
    taken = tmp_path / "file"
    taken.write_text("x")

    done = run("network", "new", taken, "--json")

    assert done.returncode == 1
    assert f"cosignal: {taken}: expected to be able to use it" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False


def test_a_binary_file_is_no_api_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\x00")

    done = run(
        *("code", "issue", "--url", "http://127.0.0.1:1"),
        *("--api-key-file", tmp_path / "key"),
    )

    assert done.returncode == 2
    assert "--api-key-file: expected an API key as text" in done.stderr


def test_a_node_with_a_certificate_serves_https(tmp_path: Path) -> None:
    made = new_network(tmp_path / "trial")
    config = Path(made["configs"][0])
    certificate = self_signed(config.parent)
    text = config.read_text()
    config.write_text(f'{text}\n[tls]\ncertificate = "tls.pem"\nkey = "tls.key"\n')
    trust = ssl.create_default_context(cafile=certificate)

    with serving(config) as (_, line):
        url = made["nodes"][0].replace("http", "https")
        with urlopen(Request(f"{url}/openapi.json"), context=trust) as answer:  # noqa: S310
            document = json.load(answer)

    assert url in line
    assert document["openapi"] == "3.1.0"


@pytest.mark.parametrize("name", ["A/B", "UPPER.example", "-x", "Bad Name!"])
def test_a_network_name_no_node_would_take_is_wrong_usage(
    tmp_path: Path, name: str
) -> None:
    done = run("network", "new", tmp_path / "network", f"--network={name}")

    assert done.returncode == 2
    assert "--network: expected a name like health.example" in done.stderr
    assert not (tmp_path / "network").exists()
