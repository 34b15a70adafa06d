"""`cosignal record`, from draft to chain, with real nodes."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cosignal.client.paths import configuration_path, policy_path
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.records import (
    ConfigurationRecord,
    PolicyRecord,
    RevocationRecord,
    parse_record,
)
from tests.server.authorities import NETWORK, Authorities, authorities, some_keys
from tests.server.test_chain_commands import run
from tests.strategies import DAY

CHANGE = ("--set", "alert-day-score=1200")

_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:.*\n", re.MULTILINE)


def read(name: str) -> str:
    return Path(name).read_text()


def write(name: str, text: str) -> None:
    Path(name).write_text(text)


def exists(name: str) -> bool:
    return Path(name).exists()


def rename(old: str, new: str) -> None:
    Path(old).rename(new)


def config_of(number: int) -> str:
    return f"authority-{number}/config.toml"


class Shell:
    """Types commands in the network's folder while its nodes go on."""

    def __init__(
        self,
        network: Authorities,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.network = network
        self._means = (capsys, monkeypatch)

    async def __call__(self, *arguments: object) -> tuple[int, str, str]:
        code, output, errors = await asyncio.to_thread(
            run, *self._means, "record", *arguments
        )
        # The nodes of this process write their logs to the same output.
        return code, _LOG_LINE.sub("", output), errors

    async def reading(self, *arguments: object) -> tuple[int, str, str]:
        """With the chain of node 2, which does not sequence."""
        place = ("--chain", self.network.url(2), "--policy", "policy")
        return await self(*arguments, *place)

    async def done(self, *arguments: object) -> str:
        code, output, errors = await self(*arguments)
        assert code == 0, errors
        return output

    async def sign(self, file: str, *numbers: int) -> list[str]:
        """As members do who are asked by nobody: they are scripts."""
        signing = [(file, "--yes", "--config", config_of(n)) for n in numbers]
        found = []
        for arguments in signing:
            code, output, errors = await self.reading("sign", *arguments)
            assert code == 0, errors
            found.append(output)
        return found


@pytest.fixture
async def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shell]:
    async with authorities(tmp_path) as network:
        # Commands read the real clock.
        network.set_time(int(time.time()))
        await network.start_all()
        monkeypatch.chdir(network.folder)
        yield Shell(network, capsys, monkeypatch)


async def test_a_configuration_goes_from_draft_to_every_node(shell: Shell) -> None:
    changes = (
        "--set",
        "alert-day-score=1200",
        "--set",
        "attenuation_weights=200,1,0,0",
    )
    code, output, _ = await shell.reading("draft", "configuration", "next", *changes)
    expected = ConfigurationRecord(
        NETWORK,
        2,
        ExposureConfiguration(alert_day_score=1200, attenuation_weights=(200, 1, 0, 0)),
    )
    assert (code, output) == (0, expected.text())
    assert read("next") == expected.text()

    shown = await shell.sign("next", 1, 3, 4)
    assert all(text.startswith(expected.text()) for text in shown)
    assert "next: 3 signatures: authority-1" in shown[-1]
    code, output, _ = await shell.reading("submit", "next", "--json")
    await shell.network.reach(3)

    value = json.loads(output.splitlines()[-1])
    assert (code, value["index"], value["size"]) == (0, 2, 3)
    assert (value["origin"], value["record"]) == (f"{NETWORK}/1", expected.text())
    for number in (1, 2, 3, 4):
        _, data, _ = await shell.network.get(number, configuration_path(2))
        assert data == read("next").encode()
    code, output, _ = await shell.reading("submit", "next")
    assert output == f"entry 2 of {NETWORK}/1, certified at size 3\n"


async def test_the_next_draft_begins_with_what_is_in_force(shell: Shell) -> None:
    write("strict.toml", "alert_day_score = 300\nduration-thresholds = [40, 60]")
    await shell.reading("draft", "configuration", "a", "--parameters", "strict.toml")
    await shell.sign("a", 1, 2, 3)
    await shell.reading("submit", "a")

    await shell.reading("draft", "configuration", "b", "--set", "days-since-exposure=7")

    assert "version 3\n" in read("b")
    assert "alert-day-score 300\n" in read("b")
    assert "duration-thresholds 40 60\n" in read("b")
    assert "days-since-exposure 7\n" in read("b")


async def test_a_draft_that_changes_nothing_is_not_written(shell: Shell) -> None:
    for change in ((), ("--set", "alert-day-score=900")):
        code, _, errors = await shell.reading("draft", "configuration", "x", *change)
        assert (code, "expected a change to configuration version 1" in errors) == (
            2,
            True,
        )
        assert not exists("x")


async def test_a_record_that_too_few_signed_is_refused_with_the_number(
    shell: Shell,
) -> None:
    await shell.reading("draft", "configuration", "next", *CHANGE)
    code, _, errors = await shell.reading("submit", "next")
    assert code == 2
    assert "expected a signed record, got a draft" in errors

    await shell.sign("next", 1, 2)
    code, output, errors = await shell.reading("submit", "next", "--json")

    assert code == 1
    assert "422: policy 1: expected 3 of 4 members' signatures, got 2" in errors
    assert json.loads(output)["ok"] is False
    assert shell.network.ledger(1).holdings.tree.size == 2


async def test_a_draft_that_another_one_overtook_is_refused(shell: Shell) -> None:
    for name in ("first", "second"):
        score = f"alert-day-score={len(name)}"
        await shell.reading("draft", "configuration", name, "--set", score)
        await shell.sign(name, 1, 2, 3)
    await shell.reading("submit", "first")

    code, _, errors = await shell.reading("submit", "second")

    assert code == 1
    assert "configuration version: expected 3, got 2" in errors


async def test_copies_signed_by_mail_are_merged_and_submitted(shell: Shell) -> None:
    await shell.reading("draft", "configuration", "draft", *CHANGE)
    for number in (2, 3, 4):
        write(f"copy-{number}", read("draft"))
        await shell.sign(f"copy-{number}", number)

    code, output, _ = await shell.reading(
        "merge", "next", "copy-2", "copy-3", "copy-4", "--json"
    )

    assert code == 0
    assert len(json.loads(output)["signers"]) == 3
    assert (await shell.reading("submit", "next"))[0] == 0


async def test_a_block_is_revoked_by_its_issuer_alone(shell: Shell) -> None:
    today = shell.network.clocks[0].now // 86_400 * DAY
    keys = some_keys(12, start=today - 2 * DAY)
    commit = await shell.network.publish(2, keys)
    await shell.network.reach(3)
    arguments = ("--commit", commit.hex(), "--reason")
    code, _, errors = await shell.reading("draft", "revocation", "x", *arguments, "why")
    assert (code, "expected one of false-positive" in errors) == (2, True)
    await shell.reading("draft", "revocation", "withdrawn", *arguments, "faulty-test")

    code, _, errors = await shell.reading("sign", "withdrawn", "--config", config_of(3))
    assert code == 2
    assert "expected this node's authority authority-3, got authority-2" in errors
    await shell.sign("withdrawn", 2)
    code, output, _ = await shell.reading("submit", "withdrawn")

    assert (code, output) == (0, f"entry 3 of {NETWORK}/1, certified at size 4\n")
    expected = RevocationRecord(NETWORK, "authority-2", commit, "faulty-test")
    assert parse_record(read("withdrawn").encode()).record == expected


async def test_a_policy_is_changed_by_its_members(shell: Shell) -> None:
    code, _, errors = await shell.reading("draft", "policy", "x", "--onset", "day")
    assert (code, "onset: expected 'class' or 'exact'" in errors) == (2, True)
    arguments = ("--minimum", 30, "--retention-days", 7)
    await shell.reading("draft", "policy", "next", *arguments)
    await shell.sign("next", 4, 2, 1)
    code, _, errors = await shell.reading("submit", "next")
    await shell.network.reach(3)

    assert code == 0, errors
    _, data, _ = await shell.network.get(3, policy_path(2))
    record = parse_record(data).record
    assert isinstance(record, PolicyRecord)
    assert (record.version, record.minimum, record.retention) == (2, 30, 7 * 86_400)
    assert shell.network.ledger(3).policy == record


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("alert-day-score=0", "alert_day_score: expected 1 or more, got 0"),
        ("alert-day-score=10000001", "alert_day_score: expected 0 to 10000000"),
        (
            "calibration-confidence=-1",
            "calibration_confidence: expected 0 to 3, got -1",
        ),
        ("attenuation-weights=1,2", "attenuation_weights: expected 4 values, got 2"),
        ("attenuation-thresholds=3,2,1", "attenuation_thresholds: expected ascending"),
        ("minimum-window-score=1,2", "minimum_window_score: expected one number"),
        ("alert-day-score=1,2", "alert_day_score: expected one number, got 2"),
        (
            "report-type-when-missing=5",
            "report_type_when_missing: expected a type that",
        ),
        ("days-scores=1.5", "days-scores: expected whole numbers, got '1.5'"),
        ("alert-day-scor=5", "alert-day-scor: expected one of attenuation_thresholds"),
        ("alert-day-score", "--set: expected name=value"),
    ],
)
def test_a_parameter_that_no_phone_could_weigh_by_is_refused_by_its_name(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    draft = ("record", "draft", "configuration", "x", "--network", NETWORK)

    code, _, errors = run(capsys, monkeypatch, *draft, "--set", change)

    assert code == 2
    assert problem in errors
    assert "\n  " in errors  # what to do
    assert not Path("x").exists()


def test_a_parameter_is_set_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draft = ("record", "draft", "configuration", "x", "--network", NETWORK)
    twice = ("--set", "alert-day-score=9", "--set", "alert_day_score=8")

    code, _, errors = run(capsys, monkeypatch, *draft, *twice)

    assert (code, "alert_day_score: expected each parameter once" in errors) == (
        2,
        True,
    )
    assert not Path("x").exists()


def test_drafts_need_to_know_what_they_follow_and_overwrite_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("policy", "x")
    draft = ("record", "draft", "configuration", "x")
    cases = [
        ((), "--chain with --policy, or --network"),
        (("--chain", "y"), "--chain with --policy"),
        (("--policy", "policy"), "--chain with --policy"),
        (("--network", "n", "--chain", "y", "--policy", "policy"), "alone"),
        (("--network", "n", "--parameters", "policy"), "expected a TOML file"),
        (("--network", "a b"), "network"),
    ]
    for options, problem in cases:
        code, _, errors = run(capsys, monkeypatch, *draft, *options)
        assert (code, problem in errors) == (2, True), errors

    assert run(capsys, monkeypatch, *draft, "--network", "n")[0] == 0
    before = read("x").encode()
    code, _, errors = run(capsys, monkeypatch, *draft, "--network", "n")

    assert (code, read("x").encode()) == (2, before)
    assert "expected no such file" in errors


async def test_founders_sign_the_first_configuration_before_any_node_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with authorities(tmp_path) as network:
        network.set_time(int(time.time()))
        monkeypatch.chdir(network.folder)
        shell = Shell(network, capsys, monkeypatch)
        signed = read("configuration").encode()
        rename("configuration", "signed-by-all")

        options = ("--network", NETWORK)
        await shell.done("draft", "configuration", "configuration", *options)
        for number in (1, 2, 3, 4):
            signing = ("configuration", "--config", config_of(number), "--yes")
            await shell.done("sign", *signing, "--in-force", "genesis")

        assert read("configuration").encode() == signed
        await network.start_all()
        assert network.ledger(4).cosigner.own.chain.configuration is not None


async def test_what_is_no_record_is_neither_signed_nor_sent(shell: Shell) -> None:
    await shell.reading("draft", "configuration", "next", *CHANGE)
    text = read("next")
    wrong = {
        "harsher": text.replace("alert-day-score 1200", "alert-day-score 0"),
        "longer": text + "sneaky-line 1\n",
        "unknown": text.replace("cosignal/configuration/v1", "cosignal/coffee/v1"),
    }
    for name, data in wrong.items():
        write(name, data)
        for command in (
            ("sign", name, "--config", config_of(1), "--in-force", "genesis"),
            ("submit", name, "--chain", shell.network.url(2), "--policy", "policy"),
        ):
            code, _, errors = await shell(*command)
            assert code == 2, (command, errors)
            assert name in errors
        assert read(name) == data
