"""Canaries: what must not be in a log, a database or an error is looked for there."""

import asyncio
import io
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
import structlog

from cosignal.server import logs
from cosignal.server.app_keys import LEDGER
from tests.server.authorities import authorities
from tests.server.desk import Answer, Desk, Json, Upload
from tests.strategies import DAY, TODAY

Entropy = Callable[[int], bytes]
#: The clients' own address; the node's is in the policy that everybody holds.
ADDRESS = "127.0.0.77"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A node whose clients have an address of their own."""
    connector = aiohttp.TCPConnector(local_addr=(ADDRESS, 0))
    async with (
        authorities(tmp_path, 1) as network,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        network.session, own = session, network.session
        await own.close()
        await network.start(1)
        yield Desk(network, 1)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logs.configure("authority-1", stream)
    yield stream
    structlog.reset_defaults()


def raw(folder: Path) -> bytes:
    """Every byte of a node's database, whatever file it is in."""
    return b"".join(path.read_bytes() for path in folder.glob("node.sqlite*"))


async def a_whole_life(desk: Desk, entropy: Entropy) -> tuple[set[str], list[Answer]]:
    """One person's way from code to chain, with mistakes; and every secret in it."""
    upload, other = Upload.of(entropy, 3), Upload.of(entropy, 1)
    code = (await desk.issue()).json
    nonce = b64encode(entropy(32)).decode()
    secrets = {code["code"], code["longCode"], nonce}
    answers = [await desk.verify("00000000"), await desk.verify(code["code"] + "9")]
    verified = await desk.verify(code["code"], nonce=nonce)
    assert (await desk.verify(code["code"], nonce=nonce)).status == 200
    answers.append(await desk.verify(code["longCode"]))
    answers.append(await desk.verify(code["code"], nonce=nonce[::-1]))
    token = verified.json["token"]
    answers.append(await desk.certify(token + "x", upload.mac))
    certified = await desk.certify(token, upload.mac)
    answers.append(await desk.certify(token, other.mac))
    secrets |= {token, certified.json["certificate"], upload.mac}
    upload = Upload(upload.keys, upload.secret, certified.json["certificate"])
    secrets |= {key.key_text for key in upload.keys}
    mistakes: tuple[Json, ...] = (
        {"healthAuthorityID": upload.keys[0].key_text},
        {"hmacKey": upload.keys[0].key_text},
        {"symptomOnsetInterval": upload.keys[0].key_text},
        {"verificationPayload": upload.keys[1].key_text},
        {"temporaryExposureKeys": [{"key": upload.keys[1].key_text}]},
    )
    answers += [await desk.publish(upload, **fields) for fields in mistakes]
    answers.append(await desk.post("/api/verify", {"code": code["code"]}, token))
    assert (await desk.publish(upload)).status == 200
    return secrets, answers


async def test_no_error_repeats_a_secret(desk: Desk, entropy: Entropy) -> None:
    secrets, answers = await a_whole_life(desk, entropy)

    assert {answer.status for answer in answers} == {400, 401}
    for answer in answers:
        text = str({k: v for k, v in answer.json.items() if k != "padding"})
        assert not [secret for secret in secrets if secret in text]
        assert ADDRESS not in text


async def test_no_log_line_holds_a_secret_or_an_address(
    log: io.StringIO, desk: Desk, entropy: Entropy, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, _ = await a_whole_life(desk, entropy)
    upload = await desk.certified(Upload.of(entropy))

    async def broken(_job: object) -> None:
        raise ValueError(upload.keys[0].key_text)

    with monkeypatch.context() as context:
        context.setattr(desk.database, "write", broken)
        assert (await desk.publish(upload)).status == 500

    text = log.getvalue()
    assert '"event": "request_failed"' in text
    secrets |= {
        upload.keys[0].key_text,
        desk.api_key("device"),
        desk.api_key("issuing"),
    }
    assert not [secret for secret in secrets if secret in text]
    assert ADDRESS not in text


async def test_the_database_holds_no_code_token_certificate_api_key_or_address(
    desk: Desk, entropy: Entropy
) -> None:
    secrets, _ = await a_whole_life(desk, entropy)
    secrets |= {desk.api_key("device"), desk.api_key("issuing"), ADDRESS}

    data = raw(desk.config.node.data)

    found = [secret for secret in secrets if secret.encode() in data]
    assert found == []
    macs = [b64decode(secret) for secret in secrets if re.fullmatch(r".{43}=", secret)]
    assert len(macs) == 2  # the nonce has their form
    assert not [mac for mac in macs if mac in data]


async def test_keys_leave_the_intake_when_their_block_is_certified(
    desk: Desk, entropy: Entropy
) -> None:
    await desk.network.reach(1)
    upload = await desk.certified(Upload.of(entropy, 3))
    await desk.publish(upload)
    assert await desk.network.running[1][1].app[LEDGER].sealer.seal_now()
    await desk.network.reach(2)

    for _ in range(1000):
        if not await count(desk, "pending_keys"):
            break
        await asyncio.sleep(0.01)
    assert await count(desk, "pending_keys") == 0
    assert await count(desk, "chain_keys") >= 3


async def count(desk: Desk, table: str) -> int:
    async with desk.database.read() as connection:
        rows = await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")  # noqa: S608
        return int(rows.scalar_one())


async def test_no_table_leads_from_a_code_to_keys(desk: Desk, entropy: Entropy) -> None:
    nonce = b64encode(entropy(32)).decode()
    upload = await desk.certified(Upload.of(entropy, 3), nonce=nonce)
    await desk.publish(upload)

    values: dict[str, set[object]] = {}
    async with desk.database.read() as connection:
        for table in ("codes", "used_tokens", "uploads", "pending_keys"):
            rows = await connection.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608
            values[table] = {
                value
                for row in rows
                for value in row
                if isinstance(value, bytes | str) and value
            }

    tables = list(values)
    shared = [
        (one, other, values[one] & values[other])
        for number, one in enumerate(tables)
        for other in tables[number + 1 :]
        if values[one] & values[other]
    ]
    assert shared == []


async def test_pending_keys_do_not_say_when_they_came(
    desk: Desk, entropy: Entropy
) -> None:
    await desk.publish(await desk.certified(Upload.of(entropy, 3)))

    async with desk.database.read() as connection:
        rows = await connection.exec_driver_sql("SELECT release_at FROM pending_keys")
        times = set(rows.scalars())

    assert times == {(TODAY - day * DAY) * 600 + 7200 for day in range(3)}
