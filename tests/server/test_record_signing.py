"""`cosignal record sign` and `merge`: what is shown, asked, kept and left alone."""

import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.keys import ALG_ED25519, SignerKey, parse_signer_key
from cosignal.protocol.notes import sign_note
from cosignal.protocol.records import (
    ConfigurationRecord,
    PolicyRecord,
    Record,
    SealRecord,
    parse_record,
    sign_record,
    verify_record,
)
from cosignal.server.commands.record import add_signature
from cosignal.server.in_force import InForce
from cosignal.server.network import NetworkPlan, write_network
from cosignal.server.record_files import parse_record_file
from tests.server.authorities import NETWORK
from tests.server.test_chain_commands import run
from tests.strategies import counted_entropy

CONFIGURATION = ConfigurationRecord(
    NETWORK, 2, ExposureConfiguration(alert_day_score=1200)
)
OFFLINE = ("--in-force", "genesis", "--in-force", "configuration")


class Desk:
    """A founded network whose nodes do not run: everybody signs offline."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._means = (capsys, monkeypatch)
        self._monkeypatch = monkeypatch

    def __call__(
        self, *arguments: object, answer: str | io.StringIO = ""
    ) -> tuple[int, str, str]:
        typed = io.StringIO(answer) if isinstance(answer, str) else answer
        self._monkeypatch.setattr(sys, "stdin", typed)
        return run(*self._means, "record", *arguments)

    def sign(
        self,
        file: str,
        number: int = 1,
        *options: str,
        answer: str | io.StringIO = "",
    ) -> tuple[int, str, str]:
        config = f"authority-{number}/config.toml"
        return self("sign", file, "--config", config, *OFFLINE, *options, answer=answer)

    def key(self, number: int) -> SignerKey:
        data = Path(f"authority-{number}/keys/issuer.key").read_bytes()
        return parse_signer_key(data.strip())

    @property
    def policy(self) -> PolicyRecord:
        record = parse_record(Path("genesis").read_bytes()).record
        assert isinstance(record, PolicyRecord)
        return record

    def draft(self, record: Record = CONFIGURATION, name: str = "next") -> Path:
        path = Path(name)
        path.write_text(record.text())
        return path


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    folder = tmp_path / "network"
    plan = NetworkPlan.on_loopback(NETWORK, range(8081, 8085))
    write_network(folder, plan, counted_entropy("network"))
    monkeypatch.chdir(folder)
    return Desk(capsys, monkeypatch)


def test_what_is_signed_is_shown_with_its_changes_before_it_is_asked_for(
    desk: Desk,
) -> None:
    path = desk.draft()

    for answer in ("", "n\n", "sure\n"):
        code, output, errors = desk.sign("next", answer=answer)
        assert (code, path.read_text()) == (2, CONFIGURATION.text())
        assert output == (
            f"{CONFIGURATION.text()}"
            "against what is in force (policy 1, configuration 1):\n"
            "- version 1\n+ version 2\n"
            "- alert-day-score 900\n+ alert-day-score 1200\n"
        )
        assert "Sign this as authority-1? [y/N]" in errors
        assert "nothing was signed" in errors
    code, output, _ = desk.sign("next", answer="y\n")

    assert code == 0
    assert "next: 1 signature: authority-1." in output.splitlines()[-1]
    assert parse_record_file(path.read_bytes()).signers == [desk.key(1).name]


def test_who_has_signed_is_not_asked_again(desk: Desk) -> None:
    path = desk.draft()
    desk.sign("next", 1, "--yes")
    before = path.read_bytes()

    code, output, errors = desk.sign("next", 1)

    assert (code, path.read_bytes()) == (0, before)
    assert CONFIGURATION.text() in output
    assert "[y/N]" not in errors


def test_programs_get_one_object_and_people_the_question(desk: Desk) -> None:
    desk.draft()

    code, output, errors = desk.sign("next", 1, "--json", answer="yes\n")

    value = json.loads(output)
    assert (code, value["record"]) == (0, CONFIGURATION.text())
    assert value["changes"][-1] == "+ alert-day-score 1200"
    assert (value["signers"], value["dropped"]) == ([desk.key(1).name], [])
    assert CONFIGURATION.text() in errors


def test_what_does_not_follow_is_not_signed(desk: Desk) -> None:
    wrong: dict[str, Record] = {
        "configuration version: expected 2": replace(CONFIGURATION, version=3),
        "policy version: expected 2": desk.policy,
        f"network {NETWORK}": replace(CONFIGURATION, network="other.example"),
        "got a seal or genesis": SealRecord(NETWORK, "1"),
        "printable characters only": replace(
            desk.policy,
            version=2,
            trust_text=f"{desk.policy.trust_text}# \x9b1A\x9b2Kminimum 50\n",
        ),
    }
    for problem, record in wrong.items():
        path = desk.draft(record)
        code, output, errors = desk.sign("next", 1, "--yes")
        assert (code, problem in errors) == (2, True), errors
        assert path.read_text() == record.text()
        assert "\x9b" not in output + errors


def test_what_is_in_force_must_be_said(desk: Desk) -> None:
    desk.draft()
    signing = ("sign", "next", "--config", "authority-1/config.toml", "--yes")
    chain = ("--chain", "http://127.0.0.1:9")
    cases: list[tuple[tuple[str, ...], str]] = [
        ((), "--chain with --policy, or --in-force"),
        (chain, "--chain with --policy, or --in-force"),
        ((*chain, "--policy", "policy", *OFFLINE), "--chain with --policy, or"),
        (("--in-force", "genesis"), "configuration version: expected 1"),
        (("--in-force", "policy"), "--in-force: policy: "),
    ]
    for options, problem in cases:
        code, _, errors = desk(*signing, *options)
        assert (code, problem in errors) == (2, True), errors


def test_lines_of_others_are_dropped_and_named(desk: Desk) -> None:
    path = desk.draft()
    stranger = SignerKey("stranger.example/issuer", ALG_ED25519, bytes(32))
    path.write_bytes(sign_note(path.read_bytes(), stranger).encode())

    code, output, _ = desk.sign("next", 2, "--yes")

    assert code == 0
    assert "do not count: lines of stranger.example/issuer" in output
    assert "next: 1 signature: authority-2" in output
    for number in (1, 3):
        desk.sign("next", number, "--yes")
    signed = parse_record(path.read_bytes())
    assert verify_record(signed, desk.policy) == CONFIGURATION


def test_two_who_sign_one_file_at_once_are_both_in_it(desk: Desk) -> None:
    before = InForce(desk.policy, replace(CONFIGURATION, version=1))
    keys = [desk.key(number) for number in (1, 2, 3, 4)]
    for name in map(str, range(10)):
        path = desk.draft(name=name)
        add = partial(add_signature, path, parse_record_file(path.read_bytes()))
        with ThreadPoolExecutor(len(keys)) as pool:
            list(pool.map(lambda key, add=add: add(key, before), keys))

        signed = parse_record_file(path.read_bytes())
        assert {key.name for key in keys} == set(signed.signers)


def test_a_file_that_changed_after_it_was_shown_is_not_signed(desk: Desk) -> None:
    path = desk.draft()
    other = replace(CONFIGURATION, parameters=ExposureConfiguration(alert_day_score=1))

    class Swapping(io.StringIO):
        def readline(self, *_: object) -> str:  # type: ignore[override]
            path.write_text(other.text())
            return "y\n"

    code, _, errors = desk.sign("next", answer=Swapping())

    assert (code, "expected the record that was shown" in errors) == (2, True)
    assert path.read_text() == other.text()


def signed_copy(desk: Desk, name: str, *numbers: int) -> Path:
    path = Path(name)
    path.write_bytes(sign_record(CONFIGURATION, *map(desk.key, numbers)))
    return path


def test_only_a_copy_of_the_record_is_replaced_by_a_merge(desk: Desk) -> None:
    signed_copy(desk, "a", 1)
    other = replace(CONFIGURATION, version=3)
    desk.draft(other, "other")
    Path("broken").symlink_to("nowhere")
    outputs = ["authority-1/keys/issuer.key", "authority-1/keys/codes.key"]
    outputs += ["policy", "genesis", "other"]
    for output in outputs:
        before = Path(output).read_bytes()
        code, shown, errors = desk("merge", output, "a", *OFFLINE)
        assert (code, Path(output).read_bytes()) == (2, before)
        assert "expected no such file or a copy of the same record" in errors
        assert before.decode()[:20] not in shown + errors
    assert desk("merge", "broken", "a", *OFFLINE)[0] == 2
    assert not Path("nowhere").exists()


def test_no_command_shows_a_key_that_was_given_for_a_record(desk: Desk) -> None:
    for key in Path("authority-1/keys").iterdir():
        for command in (
            ("sign", key, "--config", "authority-1/config.toml"),
            ("merge", "x", key),
        ):
            code, output, errors = desk(*command, *OFFLINE)
            assert code == 2
            assert key.read_text().strip()[:12] not in output + errors


def test_an_output_that_is_a_copy_joins_the_merge(desk: Desk) -> None:
    signed_copy(desk, "a", 1)
    signed_copy(desk, "b", 3, 2)
    output = signed_copy(desk, "c", 4)
    output.chmod(0o600)

    code, _, _ = desk("merge", "c", "a", "b", *OFFLINE)
    new = desk("merge", "new", "a", "b", *OFFLINE, "--policy", "policy")

    everybody = {desk.key(number).name for number in (1, 2, 3, 4)}
    assert (code, new[0]) == (0, 0)
    assert everybody == set(parse_record_file(output.read_bytes()).signers)
    assert output.stat().st_mode & 0o777 == 0o600
    assert len(parse_record_file(Path("new").read_bytes()).signers) == 3
