"""Commands that read a chain, as people and scripts see them."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cosignal.client.folders import Folder
from cosignal.client.paths import checkpoint_path
from cosignal.client.sightings import encode_sightings
from cosignal.client.store import MAX_KEPT
from cosignal.protocol.evidence import find_evidence
from cosignal.protocol.identifiers import (
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.server import cli
from tests.client.test_verify import proof_of
from tests.network_in_memory import NetworkInMemory, sample_keys

CHECKPOINT = checkpoint_path("1")


@pytest.fixture
def network() -> NetworkInMemory:
    """A chain of today: the commands read the real clock."""
    network = NetworkInMemory(now=int(time.time()))
    network.block(issuer=2)
    network.block(issuer=3)
    network.publish()
    return network


@pytest.fixture
def place(network: NetworkInMemory, tmp_path: Path) -> Path:
    """A folder that holds `public` and `policy`; the working folder."""
    write(tmp_path / "public", network)
    (tmp_path / "policy").write_bytes(network.policy_text)
    return tmp_path


def write(folder: Path, network: NetworkInMemory) -> None:
    Folder(folder).put_all(network.published.items())


def run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *arguments: object,
) -> tuple[int, str, str]:
    """The command in this process: exit code, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["cosignal", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    output, errors = capsys.readouterr()
    return code, output, errors


class Commands:
    """Runs commands with the network's policy."""

    def __init__(
        self,
        place: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.place = place
        self._means = (capsys, monkeypatch)
        monkeypatch.chdir(place)

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        return run(*self._means, *arguments, "--policy", "policy")

    def value(self, *arguments: object) -> tuple[int, dict[str, Any]]:
        code, output, _ = self(*arguments, "--json")
        value: dict[str, Any] = json.loads(output.splitlines()[-1])
        return code, value


@pytest.fixture
def command(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    return Commands(place, capsys, monkeypatch)


def test_mirror_makes_a_copy_that_fsck_finds_good(command: Commands) -> None:
    code, value = command.value("mirror", "public", "copy")

    assert (code, value["size"], value["bodies"]) == (0, 3, 2)
    assert command.value("fsck", "copy") == (
        0,
        {
            "ok": True,
            "entries": 3,
            "tiles": 1,
            "bodies": 2,
            "ahead": 0,
            "faults": [],
        },
    )
    assert "no fault" in command("fsck", "copy")[1]
    assert "0 new entries" in command("mirror", "public", "copy")[1]


def test_fsck_names_the_bad_file(command: Commands) -> None:
    path = "chain/1/tile/0/000.p/3"
    (command.place / "public" / path).write_bytes(bytes(96))

    code, value = command.value("fsck", "public")
    lines = command("fsck", "public")[1]

    assert (code, value["ok"]) == (1, False)
    assert [fault["path"] for fault in value["faults"]] == [path]
    assert lines.startswith(path)


def test_verify_checks_a_whole_chain(command: Commands) -> None:
    code, value = command.value("verify", "public")

    assert (code, value["ok"], value["claim"], value["size"]) == (0, True, "chain", 3)
    assert value["cosigners"] == [f"authority-{number}" for number in (1, 2, 3, 4)]
    assert command("verify", "public/chain/1")[1].startswith("true: memory.example/1")


def test_verify_says_that_a_changed_chain_is_false(
    command: Commands, network: NetworkInMemory
) -> None:
    network.publish(signers=[1, 2])
    write(command.place / "public", network)

    code, output, errors = command("verify", "public", "--json")

    assert (code, json.loads(output)["ok"]) == (1, False)
    assert "expected 3 of 4" in errors


def test_verify_checks_a_proof_with_its_entry_or_a_chain(
    command: Commands, network: NetworkInMemory
) -> None:
    (command.place / "1.tlog-proof").write_bytes(proof_of(network, 1))
    (command.place / "1.entry").write_bytes(network.entries[1])

    code, value = command.value("verify", "1.tlog-proof", "--entry", "1.entry")
    online = command.value("verify", "1.tlog-proof", "--chain", "public")
    other = command("verify", "1.tlog-proof", "--entry", "policy")

    assert (code, value["claim"], value["index"]) == (0, "proof", 1)
    assert "issuer authority-2" in value["record"]
    assert online == (code, value)
    assert other[0] == 1


def test_verify_says_who_lied(command: Commands, network: NetworkInMemory) -> None:
    fork = network.fork()
    network.block(sample_keys(20, "a", network.now))
    fork.block(sample_keys(20, "b", network.now))
    found = find_evidence(network.checkpoint(), fork.checkpoint(), network.pinned)
    (command.place / found[0].file_name).write_bytes(found[0].encode())

    code, value = command.value("verify", found[0].file_name)

    assert (code, value["kind"]) == (0, "log-equivocation")
    assert value["accused"] == ["memory.example/1"]
    assert "two histories" in command("verify", found[0].file_name)[1]


def test_watch_compares_places_and_keeps_evidence(
    command: Commands, network: NetworkInMemory
) -> None:
    write(command.place / "same", network)
    fork = network.fork()
    network.block(sample_keys(20, "a", network.now))
    network.publish()
    fork.block(sample_keys(20, "b", network.now))
    fork.publish()
    write(command.place / "true", network)
    write(command.place / "false", fork)

    agreeing, well = command.value("watch", "public", "same", "--once")
    behind = command("watch", "public", "true", "--once")
    code, value = command.value("watch", "true", "false", "--once")

    assert (agreeing, [item["finding"] for item in well["places"]]) == (
        0,
        ["ok", "ok"],
    )
    assert (behind[0], "1 behind" in behind[1]) == (0, True)
    assert code == 1
    (split,) = [item for item in value["places"] if item["finding"] == "split"]
    for name in split["evidence"]:
        assert command("verify", f"evidence/{name}")[0] == 0


def test_watch_keeps_only_so_many_evidence_files(
    command: Commands, network: NetworkInMemory
) -> None:
    fork = network.fork()
    for history, seed in ((network, "a"), (fork, "b")):
        history.block(sample_keys(20, seed, network.now))
        history.publish()
    write(command.place / "true", network)
    write(command.place / "false", fork)
    earlier = {f"{number}.evidence": b"a lie" for number in range(MAX_KEPT)}
    Folder(command.place / "evidence").put_all(earlier.items())

    code, _ = command.value("watch", "true", "false", "--once")

    kept = Folder(command.place / "evidence").names(".")
    assert (code, set(kept)) == (1, {".cosignal", *earlier})


def test_keys_match_finds_who_was_heard(
    command: Commands, network: NetworkInMemory
) -> None:
    key = sample_keys(20, "1/1", network.now)[4]
    rpik = rolling_proximity_identifier_key(key.data)
    heard = [(rolling_proximity_identifier(rpik, key.start + 5), key.start + 5)]
    (command.place / "heard").write_bytes(encode_sightings(heard))
    match = ("keys", "match", "--sightings", "heard", "--chain", "public")

    code, value = command.value(*match)
    lines = command(*match, "--state", "kept", "--region", "R2")[1]
    elsewhere = command.value(*match, "--region", "R3")[1]

    (exposure,) = value["exposures"]
    assert value["sightings"] == len(heard)
    assert exposure["day"] == exposure["interval"] // 144 * 144
    assert (code, exposure["issuer"], exposure["region"]) == (0, "authority-2", "R2")
    assert exposure["interval"] == key.start + 5
    assert "1 exposure among 1 sighting;" in lines
    assert (command.place / "kept" / ".cosignal" / "state.json").exists()
    assert elsewhere["exposures"] == []


WRONG = {
    "no such policy": ("verify", "public", "--policy", "nowhere"),
    "not a policy": ("verify", "public", "--policy", f"public/{CHECKPOINT}"),
    "no such file": ("verify", "nowhere", "--policy", "policy"),
    "a proof alone": ("verify", "proof", "--policy", "policy"),
    "no such folder": ("fsck", "nowhere", "--policy", "policy"),
    "no sightings": (
        *("keys", "match", "--sightings", "nowhere"),
        *("--chain", "public", "--policy", "policy"),
    ),
}


@pytest.mark.parametrize("usage", WRONG)
def test_wrong_usage_exits_with_two(
    usage: str,
    place: Path,
    network: NetworkInMemory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    (place / "proof").write_bytes(proof_of(network, 1))

    code, output, errors = run(capsys, monkeypatch, *WRONG[usage])

    assert (code, output) == (2, "")
    assert errors


def test_a_place_that_is_none_is_wrong_usage(command: Commands) -> None:
    code, _, errors = command("mirror", "nowhere", "copy")

    assert code == 2
    assert "http" in errors


def test_a_repeated_mirror_goes_on_after_a_failure(
    place: Path, network: NetworkInMemory
) -> None:
    (place / "public" / CHECKPOINT).unlink()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cosignal.server",
            "mirror",
            "public",
            "copy",
            "--policy",
            "policy",
            "--every",
            "1",
        ],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        complaint = process.stderr.readline()
        write(place / "public", network)
        line = process.stdout.readline()
    finally:
        process.terminate()
        process.communicate()

    assert "checkpoint" in complaint
    assert "size 3" in line


@pytest.mark.parametrize(
    "words",
    ["mirror", "verify", "watch", "fsck", "keys match", "demo"],
)
def test_every_command_shows_an_example_and_json(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, output, _ = run(capsys, monkeypatch, *words.split(), "--help")

    assert code == 0
    assert "Example" in output
    assert "--json" in output
