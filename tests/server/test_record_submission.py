"""`cosignal record submit` among nodes that lie, leave, or have lost a key."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cosignal.protocol.errors import RefusedError
from cosignal.protocol.keys import (
    ALG_COSIGNATURE,
    ALG_ED25519,
    SignerKey,
    parse_signer_key,
)
from cosignal.protocol.notes import Note, sign_note
from cosignal.server.record_files import parse_record_file
from tests.server.authorities import NETWORK, some_keys, until
from tests.server.test_record_commands import CHANGE, Shell, config_of, read, write
from tests.server.test_record_commands import shell as shell_fixture
from tests.strategies import DAY

shell = shell_fixture


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[str]:
    """A sequencer that says the same to everybody."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.add_routes([web.post("/ledger/v1/records", answer)])
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def signed_draft(shell: Shell, name: str = "next") -> None:
    await shell.reading("draft", "configuration", name, *CHANGE)
    await shell.sign(name, 1, 2, 3)


LIES = [
    (200, b'{"index": -1, "leaf": ""}', "near entry 2, got -1"),
    (200, b'{"index": 9223372036854775807}', "near entry 2, got 92233"),
    (200, b'{"index": true, "leaf": ""}', "near entry 2, got True"),
    (200, b'{"index": 1e400, "leaf": ""}', "near entry 2, got inf"),
    (200, b'{"index": "2"}', "near entry 2, got '2'"),
    (200, b"[2]", "near entry 2, got None"),
    (200, b"\xff", "near entry 2, got None"),
    (200, b"[" * 60_000, "near entry 2, got None"),
    (200, b'{"index": 1, "leaf": ""}', "entry 1: expected the record sent, got"),
    (503, b'{"detail": "\\u009b2Kall is well"}', "got 503: \\x9b2Kall is well"),
    (500, b"oops", "got 500: not what a node says"),
]


async def test_a_lying_sequencer_is_told_from_a_certified_record(shell: Shell) -> None:
    await signed_draft(shell)
    for status, body, problem in LIES:
        async with answering(status, body) as url:
            code, output, errors = await shell.reading(
                "submit", "next", "--url", url, "--json"
            )

        assert (code, problem in errors) == (1, True), errors
        assert json.loads(output.splitlines()[-1])["ok"] is False


async def test_a_node_that_is_away_is_waited_for(shell: Shell) -> None:
    await signed_draft(shell)
    for number in (3, 4):
        await shell.network.stop(number)
    command = asyncio.create_task(shell.reading("submit", "next", "--wait", 30))
    sequencer = shell.network.ledger(1).sequencer
    assert sequencer is not None
    await until(lambda: sequencer.log.size == 3, "the record is ordered")

    await shell.network.stop(2)
    await asyncio.sleep(1)
    for number in (2, 3, 4):
        await shell.network.start(number)

    code, output, errors = await command
    assert (code, output) == (0, f"entry 2 of {NETWORK}/1, certified at size 3\n"), (
        errors
    )


async def test_a_quorum_that_stays_silent_ends_the_wait(shell: Shell) -> None:
    await signed_draft(shell)
    for number in (3, 4):
        await shell.network.stop(number)

    code, _, errors = await shell.reading("submit", "next", "--wait", 1)

    assert code == 1
    assert "entry 2: expected a quorum's word within 1 s" in errors


async def test_lines_that_do_not_count_are_not_sent(shell: Shell) -> None:
    await signed_draft(shell)
    file = parse_record_file(read("next").encode())
    stranger = SignerKey("stranger.example/issuer", ALG_ED25519, bytes(32))
    junk = sign_note(file.note.text, stranger).signatures
    both = Note(file.note.text, (*junk, *file.note.signatures))
    write("next", both.encode().decode())
    write("strange", Note(file.note.text, junk).encode().decode())

    code, _, errors = await shell.reading("submit", "strange")
    assert (code, "expected signatures of members" in errors) == (2, True)
    code, output, errors = await shell.reading("submit", "next", "--json")

    assert code == 0, errors
    assert json.loads(output.splitlines()[-1])["dropped"] == [stranger.name]
    again = await shell.reading("submit", "next", "--json")
    assert json.loads(again[1].splitlines()[-1])["index"] == 2


async def test_after_a_theft_the_new_keys_work_and_the_old_do_not(shell: Shell) -> None:
    network = shell.network
    await network.stop(4)
    keys = Path("authority-4/keys")
    old = parse_signer_key(read_bytes(keys / "issuer.key"))
    cosigner = parse_signer_key(read_bytes(keys / "cosigner.key"))
    new = SignerKey(old.name, ALG_ED25519, bytes(range(32)))
    new_cosigner = SignerKey(cosigner.name, ALG_COSIGNATURE, bytes(range(1, 33)))
    await shell.reading("draft", "policy", "next")
    text = read("next").replace(old.verifier.encode(), new.verifier.encode())
    write(
        "next", text.replace(cosigner.verifier.encode(), new_cosigner.verifier.encode())
    )
    await shell.sign("next", 1, 2, 3)
    code, _, errors = await shell.reading("submit", "next")
    assert code == 0, errors
    # A thief signs with the old key; whoever gets the file is not troubled by it.
    await shell.reading("draft", "configuration", "weights", *CHANGE)
    stolen = sign_note(read("weights").encode(), old).encode().decode()
    write("weights", stolen)
    sign_four = ("sign", "weights", "--yes", "--config", config_of(4))
    code, _, errors = await shell.reading(*sign_four)
    assert (code, "policy 2 names for authority-4" in errors) == (2, True)

    write_key(keys / "issuer.key", new)
    write_key(keys / "cosigner.key", new_cosigner)
    with pytest.raises(RefusedError, match=r"keys\.issuer") as caught:
        await network.start(4)
    assert "node.later_policies" in caught.value.advice
    _, data, _ = await network.get(2, "chain/policy/2")
    write("policy-2", data.decode())
    config = network.config(4)
    node = msgspec.structs.replace(config.node, later_policies=(Path("policy-2"),))
    network.configs[3] = msgspec.structs.replace(config, node=node)
    await network.start(4)
    await network.reach(3)
    today = network.clocks[0].now // 86_400 * DAY
    await network.publish(4, some_keys(12, start=today - 2 * DAY))
    await network.reach(4)

    code, output, errors = await shell.reading(*sign_four)
    assert (code, "weights: 1 signature: authority-4" in output) == (0, True), errors
    await shell.sign("weights", 1, 2)
    # Now this node holds the policy itself, and one of the others falls silent.
    await network.stop(4)
    network.configs[3] = config
    await network.start(4)
    await network.stop(3)
    code, output, errors = await shell.reading("submit", "weights")
    assert (code, output) == (0, f"entry 4 of {NETWORK}/1, certified at size 5\n"), (
        errors
    )


def read_bytes(path: Path) -> bytes:
    return path.read_bytes().strip()


def write_key(path: Path, key: SignerKey) -> None:
    path.write_text(f"{key.encode()}\n")
