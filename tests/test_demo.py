"""The demonstration as a newcomer runs it: one command, real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from cosignal.server.demo.people import MEETING_DAYS, People, gather_people
from cosignal.server.demo.phones import Phones
from cosignal.server.demo.result import Result
from tests.network_in_memory import NetworkInMemory
from tests.strategies import NOW

COMMAND = [sys.executable, "-m", "cosignal.server", "demo"]
PATIENCE_SECONDS = 120
FIELDS = [
    "authorities",
    "quorum",
    "phones",
    "keys_published",
    "blocks",
    "checkpoint_size",
    "cosignatures",
    "expected_alerts",
    "alerts",
    "missed",
    "false_alerts",
    "seal_to_quorum_ms",
    "body_bytes_per_key",
]


def test_the_demonstration_does_what_it_says_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--keep", "--json", "--seed", "5"],
        env=inside(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        value = json.loads(process.stdout.readline())
        nodes_answer = [answers(url) for url in value["nodes"]]
        verified = cosignal("verify", value["urls"][1], "--policy", value["policy"])
    finally:
        process.send_signal(signal.SIGTERM)
        _, story = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 0, story
    assert list(value) == [*FIELDS, "nodes", "urls", "policy"]
    assert (value["authorities"], value["quorum"], value["phones"]) == (4, 3, 60)
    assert (value["missed"], value["false_alerts"]) == (0, 0)
    assert value["alerts"] == value["expected_alerts"] > 0
    assert (value["blocks"], value["checkpoint_size"]) == (3, 5)
    assert value["cosignatures"] == 4
    assert 0 < value["body_bytes_per_key"] < 20
    assert value["seal_to_quorum_ms"] > 0
    assert nodes_answer == [True] * 4
    assert verified.returncode == 0, verified.stderr
    for sentence in (
        "Seed 5",
        "keys are uploaded to authority-2",
        "tells its owner",
        "which a quorum of the authorities has signed",
        "The chain goes on",
        "nothing is published",
        "The chain resumes",
        "keeps the evidence, log-equivocation",
        "Exactly those",
    ):
        assert sentence in story
    # Nothing outlives it: no node answers, and the folder is gone.
    assert not any(answers(url) for url in value["nodes"])
    assert list(tmp_path.iterdir()) == []


def inside(folder: Path) -> dict[str, str]:
    """An environment whose temporary files are in a folder."""
    return {**os.environ, "TMPDIR": str(folder)}


def answers(url: str) -> bool:
    """Whether a node serves its chain."""
    try:
        with urlopen(f"{url}/chain/shards", timeout=5) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def cosignal(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cosignal.server", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_the_nodes_end_with_a_demonstration_that_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--keep", "--json"],
        env=inside(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    url = ""
    for line in process.stderr:
        url = next((word for word in line.split() if word.startswith("http")), "")
        if url:
            break
    assert answers(url)

    process.kill()
    process.communicate()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(url)


def test_the_same_seed_gives_the_same_people() -> None:
    one, same = gather_people(3, 60, NOW), gather_people(3, 60, NOW)
    other = gather_people(4, 60, NOW)

    assert one == same
    assert one != other


def test_people_met_long_enough_ago() -> None:
    people = gather_people(1, 60, NOW)
    days = {NOW // 86400 - meeting.start // 86400 for meeting in people.meetings}

    assert days <= set(MEETING_DAYS)
    assert people.met(people.patient)
    assert any(people.passed(number) for number in people.numbers)


def test_phones_hear_whom_their_owners_met_and_nobody_else(tmp_path: Path) -> None:
    network = NetworkInMemory()
    people = gather_people(2, 5, NOW)
    few = People(people.numbers, people.meetings[:3], people.patient)
    phones = Phones(tmp_path / "phones", network.pinned, 2, os.urandom)

    phones.play(few, [people.patient, 6], NOW)

    heard = {}
    for number in (*people.numbers, 6):
        with phones.open(number) as phone:
            rows = phone._database.read("SELECT count(*) FROM sightings")
            heard[number] = rows[0][0] > 0
    met = {each for item in few.meetings for each in (item.first, item.second)}
    assert heard == {number: number in met for number in heard}


def result(**changes: Any) -> Result:  # noqa: ANN401 - any field
    fields = dict.fromkeys(FIELDS, 4) | {"missed": 0, "false_alerts": 0, "quorum": 3}
    return Result(**(fields | changes))


def test_every_unmet_expectation_is_a_failure() -> None:
    assert result().failures() == []
    assert len(result(missed=1).failures()) == 1
    assert len(result(false_alerts=2).failures()) == 1
    assert len(result(expected_alerts=0).failures()) == 1
    assert len(result(cosignatures=2).failures()) == 1
