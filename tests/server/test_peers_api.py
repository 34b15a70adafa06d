"""What authorities ask each other over HTTP."""

from hashlib import sha256
from http import HTTPStatus
from io import BytesIO

import aiohttp
import msgspec

from cosignal.protocol.checkpoints import Checkpoint, sign_checkpoint
from cosignal.protocol.keys import ALG_ED25519, SignerKey, parse_signer_key
from cosignal.protocol.notes import parse_note, parse_signatures
from cosignal.server.ledger.peers import TIME_HEADER, encode_submission
from tests.server.authorities import NETWORK, Authorities, some_keys, until
from tests.server.test_sequencer import make_block
from tests.strategies import NOW

ORIGIN = f"{NETWORK}/1"


def log_key(network: Authorities) -> SignerKey:
    path = network.config(1).keys.log
    assert path is not None
    return parse_signer_key(path.read_bytes().strip())


def request(old: int, note: bytes, *hashes: str) -> bytes:
    return "\n".join([f"old {old}", *hashes, "", ""]).encode() + note


async def test_add_checkpoint_answers_as_a_witness_does(network: Authorities) -> None:
    note = network.ledger(1).publisher.data
    stranger = SignerKey(ORIGIN, ALG_ED25519, bytes(32))
    unsigned = sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), stranger).encode()
    other_log = SignerKey("other.example/1", ALG_ED25519, bytes(32))
    unknown = sign_checkpoint(Checkpoint("other.example/1", 1, bytes(32)), other_log)
    larger = sign_checkpoint(Checkpoint(ORIGIN, 3, bytes(32)), log_key(network))
    await until(lambda: network.ledger(3).cosigner.own.size == 2)

    cases = [
        (b"", 400),
        (b"old x\n\n" + note, 400),
        (request(3, note), 400),
        (request(0, unknown.encode()), 404),
        (request(2, unsigned), 403),
        (request(0, note), 409),
        (request(2, larger.encode()), 422),
        (request(2, note, "A" * 43 + "="), 422),
        (request(2, note), 200),
    ]
    for body, expected in cases:
        status, answer, headers = await network.post(3, "add-checkpoint", body)
        assert status == expected, answer
        if status == HTTPStatus.CONFLICT:
            assert (answer, headers["Content-Type"]) == (b"2\n", "text/x.tlog.size")
        if status == HTTPStatus.OK:
            lines = parse_signatures(answer)
            assert [line.name for line in lines] == [f"authority-3.{NETWORK}"]


async def test_the_monitoring_path_names_logs_by_the_hash_of_their_origin(
    network: Authorities,
) -> None:
    name = sha256(ORIGIN.encode()).hexdigest()
    await until(lambda: network.ledger(3).cosigner.own.size == 2)

    status, data, _ = await network.get(3, f"{name}/checkpoint")
    other, _, _ = await network.get(3, f"{'0' * 64}/checkpoint")

    assert (status, other) == (HTTPStatus.OK, HTTPStatus.NOT_FOUND)
    names = [line.name for line in parse_note(data).signatures]
    assert names == [ORIGIN, f"authority-3.{NETWORK}"]


async def test_a_record_is_ordered_over_http_and_its_place_told(
    node: Authorities,
) -> None:
    record, body = make_block(node, some_keys(10))
    data = encode_submission(record, body)

    status, answer, _ = await node.post(1, "ledger/v1/records", data)
    again = await node.post(1, "ledger/v1/records", data)

    assert status == HTTPStatus.OK
    place = msgspec.json.decode(answer)
    assert place["index"] == 2
    assert again[:2] == (status, answer)


async def test_records_that_cannot_be_ordered_are_refused_with_the_reason(
    node: Authorities,
) -> None:
    record, body = make_block(node, some_keys(10))
    few, few_body = make_block(node, some_keys(9))
    cases = [
        (b"", 400),
        (b"\x00\x00\x00\x09short", 400),
        (encode_submission(b"not a record", b""), 400),
        (encode_submission(record, b""), 422),
        (encode_submission(record, body + b"x"), 422),
        (encode_submission(few, few_body), 422),
    ]
    for data, expected in cases:
        status, answer, headers = await node.post(1, "ledger/v1/records", data)
        assert status == expected, answer
        assert headers["Content-Type"].startswith("application/problem+json")
    url = f"{node.url(1)}/ledger/v1/records"
    async with node.session.post(url, data=BytesIO(bytes(5_000_000))) as answer_413:
        assert answer_413.status == 413
    assert node.ledger(1).holdings.tree.size == 2


async def test_only_the_sequencer_takes_records(network: Authorities) -> None:
    status, _, _ = await network.post(2, "ledger/v1/records", b"")

    assert status == HTTPStatus.NOT_FOUND


async def test_a_sender_with_another_clock_is_told_to_try_later(
    node: Authorities,
) -> None:
    data = encode_submission(*make_block(node, some_keys(10)))
    headers = {TIME_HEADER: str(NOW + 3_600)}
    url = f"{node.url(1)}/ledger/v1/records"

    async with node.session.post(url, data=data, headers=headers) as answer:
        assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
        assert answer.headers["Retry-After"] == "1"
    for strange in ("x", "9" * 5_000):
        headers = {TIME_HEADER: strange}
        async with node.session.post(url, data=data, headers=headers) as answer:
            assert answer.status == HTTPStatus.BAD_REQUEST


async def test_a_pushed_checkpoint_needs_a_quorum(network: Authorities) -> None:
    note = network.ledger(1).publisher.data
    lines = note.split(b"\n")
    short = b"\n".join(lines[:6]) + b"\n"

    assert (await network.post(2, "ledger/v1/checkpoint", note))[0] == HTTPStatus.OK
    assert (await network.post(2, "ledger/v1/checkpoint", short))[0] == 422
    assert (await network.post(2, "ledger/v1/checkpoint", b"x"))[0] == 400


async def test_an_idle_connection_is_kept_open(network: Authorities) -> None:
    name = sha256(ORIGIN.encode()).hexdigest()
    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        for _ in range(3):
            async with session.get(f"{network.url(2)}/{name}/checkpoint") as answer:
                await answer.read()
        assert len(connector._conns) == 1
