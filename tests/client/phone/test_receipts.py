"""Whether an authority kept its word can be seen on the chain, and only there."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from cosignal.client.paths import body_path
from cosignal.client.phone.receipts import (
    Standing,
    check_receipt,
    mark,
    verify_when_given,
)
from cosignal.client.phone.upload_advice import advice
from cosignal.client.phone.upload_jobs import State
from cosignal.client.phone.uploads import verify_upload_receipt
from cosignal.protocol.chain import MAX_CLOCK_SKEW
from cosignal.protocol.diagnosis_keys import DiagnosisKey
from cosignal.protocol.errors import SignatureInvalidError, UsageError
from cosignal.protocol.notes import sign_note
from cosignal.protocol.receipts import Receipt, receipt_digest
from cosignal.server.app_keys import TRUST
from tests.client.followers import opened, sync
from tests.client.phone.lossy import STEPS
from tests.client.phone.test_secrecy import phone_of
from tests.client.phone.test_uploads import KEYS, a_code
from tests.client.phone.uploaders import Uploader
from tests.network_in_memory import (
    NETWORK,
    RETENTION,
    NetworkInMemory,
    authority,
    sample_keys,
)
from tests.server.desk import Desk
from tests.strategies import NOW

DAY = 86_400


def receipt_of(keys: Sequence[DiagnosisKey]) -> Receipt:
    digest = receipt_digest(key.data for key in keys)
    name = authority(2).name
    return Receipt(NETWORK, name, len(keys), digest, NOW, NOW + DAY)


def marks(keys: Sequence[DiagnosisKey]) -> bytes:
    return b"".join(mark(key.data) for key in keys)


async def standing(
    folder: Path,
    network: NetworkInMemory,
    receipt: Receipt,
    sent: Sequence[DiagnosisKey] = KEYS,
    now: int | None = None,
) -> Standing:
    """Publish what there is, follow it, and check."""
    network.publish()
    await sync(folder, network)
    with opened(folder, network) as store:
        now = network.now if now is None else now
        return check_receipt(store, receipt, marks(sent), now)


async def test_keys_on_the_chain_are_published(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block(sample_keys(20, "others"))
    network.block([*KEYS[:4], *sample_keys(20, "more")])
    network.now += 3600
    network.block([*KEYS[4:], *sample_keys(20, "later")])

    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.PUBLISHED


async def test_keys_that_have_time_are_pending(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block()
    network.now = NOW + DAY

    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.PENDING


async def test_a_phone_that_lags_behind_accuses_nobody(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block()

    found = await standing(tmp_path, network, receipt_of(KEYS), now=NOW + 3 * DAY)

    assert found is Standing.PENDING


@pytest.mark.parametrize("published", [0, 5])
async def test_a_promise_that_the_quorum_outlived_is_overdue(
    tmp_path: Path, published: int
) -> None:
    network = NetworkInMemory()
    network.block([*KEYS[:published], *sample_keys(20, "others")])
    network.now = NOW + DAY + 2 * MAX_CLOCK_SKEW + 1
    network.block()

    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.OVERDUE


async def test_an_authority_whose_clock_is_ahead_has_kept_its_word(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.block([*KEYS, *sample_keys(20, "others")])
    receipt = receipt_of(KEYS)
    ahead = replace(receipt, time=NOW + 120, by=NOW + 120 + DAY)
    network.now = NOW + 3 * DAY

    assert await standing(tmp_path, network, ahead) is Standing.PUBLISHED


async def test_an_authority_whose_clock_is_behind_is_given_time(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.now = NOW + DAY + MAX_CLOCK_SKEW

    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.PENDING


def signed(receipt: Receipt, issuer: int = 2) -> bytes:
    return sign_note(receipt.text().encode(), authority(issuer).issuer).encode()


async def test_a_member_that_has_left_is_held_to_its_word(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.now += DAY
    network.change_policy(members=[1, 3, 4])
    network.publish()
    await sync(tmp_path, network)
    given = receipt_of(KEYS)
    late = replace(given, time=NOW + 2 * DAY, by=NOW + 3 * DAY)

    with opened(tmp_path, network) as store:
        assert given == verify_when_given(store, signed(given))
        with pytest.raises(SignatureInvalidError, match="expected an authority"):
            verify_when_given(store, signed(late))


async def test_a_receipt_by_another_key_counts_by_no_policy(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.change_policy()
    network.publish()
    await sync(tmp_path, network)

    with (
        opened(tmp_path, network) as store,
        pytest.raises(SignatureInvalidError),
    ):
        verify_when_given(store, signed(receipt_of(KEYS), issuer=3))


async def test_an_overdue_promise_can_still_be_kept(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.now = NOW + 2 * DAY
    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.OVERDUE

    network.block([*KEYS, *sample_keys(20, "others")])

    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.PUBLISHED


async def test_a_body_that_is_withheld_accuses_nobody(tmp_path: Path) -> None:
    network = NetworkInMemory()
    block = network.block([*KEYS, *sample_keys(20, "others")])
    network.drop(body_path("1", block.commit))
    network.now = NOW + 2 * DAY

    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.UNKNOWN


async def test_a_body_that_was_erased_accuses_nobody(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block([*KEYS, *sample_keys(20, "others")])
    network.now = NOW + RETENTION + DAY
    network.expire()

    assert await standing(tmp_path, network, receipt_of(KEYS)) is Standing.UNKNOWN


async def test_of_some_keys_those_that_were_taken_count(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block([*KEYS[:5], *sample_keys(20, "others")])
    network.now = NOW + 2 * DAY
    taken, other = receipt_of(KEYS[:4]), receipt_of(KEYS[2:])

    assert await standing(tmp_path, network, taken) is Standing.PUBLISHED
    assert await standing(tmp_path, network, other) is Standing.UNKNOWN


async def test_a_node_keeps_the_word_that_it_gave(desk: Desk, phone: Uploader) -> None:
    job = await phone.run(phone.begin(await a_code(desk), KEYS))
    policy = desk.network.running[1][1].app[TRUST].record

    receipt = verify_upload_receipt(job, policy)

    assert (job.error, receipt.keys) == (None, len(KEYS))
    assert receipt.digest == receipt_digest(key.data for key in KEYS)
    assert job.marks == marks(KEYS)


async def test_a_receipt_by_somebody_else_is_refused(
    desk: Desk, phone: Uploader
) -> None:
    job = await phone.run(phone.begin(await a_code(desk), KEYS))

    with pytest.raises(SignatureInvalidError):
        verify_upload_receipt(job, NetworkInMemory().policy)
    with pytest.raises(UsageError, match="expected one, got none"):
        verify_upload_receipt(replace(job, receipt=None), NetworkInMemory().policy)


@pytest.mark.parametrize("wrong", ["another upload's", "no note"])
async def test_a_receipt_for_other_keys_is_told(
    desk: Desk, phone: Uploader, tmp_path: Path, wrong: str
) -> None:
    other = await phone.run(phone.begin(await a_code(desk), sample_keys(6, "other")))
    good: dict[str, object] = {"token": "t", "certificate": "c", "insertedExposures": 6}
    good["receipt"] = wrong if wrong == "no note" else str(other.receipt)

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(good)

    async with phone_of(tmp_path / "liar", dict.fromkeys(STEPS, answer)) as liar:
        job = await liar.run(liar.begin("12345678", KEYS))

    assert (job.state, job.error) == (State.DONE, "receipt_invalid")
    assert "Tell the health authority" in advice(job)
