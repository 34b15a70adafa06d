"""Coming back after an outage, with whoever is there."""

from http import HTTPStatus

from cosignal.protocol.checkpoints import (
    Checkpoint,
    cosign,
    merge_signatures,
    sign_checkpoint,
)
from cosignal.protocol.evidence import parse_evidence, verify_evidence
from cosignal.protocol.keys import parse_signer_key
from cosignal.protocol.notes import parse_note
from tests.server.authorities import NETWORK, Authorities, some_keys, until


async def test_a_node_catches_up_without_the_sequencer(network: Authorities) -> None:
    await network.stop(4)
    commit = await network.publish(2, some_keys(5))
    await network.reach(3)
    await network.stop(1)

    await network.start(4)

    await network.reach(3, 4)
    assert await network.index_of(4, commit) == 2
    data = await network.ledger(4).holdings.bodies.read(commit)
    assert data == await network.ledger(2).holdings.bodies.read(commit)


async def test_expired_bodies_are_not_needed_to_catch_up(network: Authorities) -> None:
    await network.stop(4)
    commit = await network.publish(2, some_keys(5))
    await network.reach(3)
    network.set_time(network.clocks[0].now + 15 * 86_400)
    for number in (1, 2, 3):
        await network.ledger(number).retention.sweep()
    sequencer = network.ledger(1).sequencer
    assert sequencer is not None
    sequencer.ordered.set()
    published = network.ledger(1).publisher
    await until(
        lambda: (
            published.current and published.current.fresh_time == network.clocks[0].now
        )
    )

    await network.start(4)

    await network.reach(3, 4)
    assert await network.index_of(4, commit) == 2
    assert await network.ledger(4).holdings.bodies.read(commit) is None


async def test_a_pushed_checkpoint_that_is_ahead_starts_catching_up(
    network: Authorities,
) -> None:
    await network.stop(4)
    await network.publish(2, some_keys(5))
    await network.reach(3)
    note = network.ledger(1).publisher.data
    network.ledger(1)._steps.cancel()
    await network.start(4)
    await network.reach(3, 4)

    status, body, _ = await network.post(4, "ledger/v1/checkpoint", note)

    assert (status, body) == (HTTPStatus.OK, b'{"published":true}')


async def test_another_history_that_a_peer_publishes_is_kept_as_evidence(
    network: Authorities,
) -> None:
    """The log key signs a second, larger tree, and node 1 shows it as published."""
    key_file = network.config(1).keys.log
    assert key_file is not None
    log_key = parse_signer_key(key_file.read_bytes().strip())
    await network.publish(2, some_keys(5))
    await network.reach(3)
    await until(
        lambda: len(parse_note(network.ledger(2).publisher.data).signatures) == 5
    )
    other = sign_checkpoint(Checkpoint(f"{NETWORK}/1", 3, bytes(32)), log_key)
    cosigners = [
        parse_signer_key(network.config(n).keys.cosigner.read_bytes().strip())
        for n in (1, 3, 4)
    ]
    lines = [cosign(other.text, key, network.clocks[0].now) for key in cosigners]
    note = merge_signatures(other, lines).encode()

    status, _, _ = await network.post(2, "ledger/v1/checkpoint", note)

    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    status, names, _ = await network.get(2, "chain/evidence/")
    assert status == HTTPStatus.OK
    accused = set()
    for name in names.decode().split():
        _, data, headers = await network.get(2, f"chain/evidence/{name}")
        statement = verify_evidence(parse_evidence(data), network.policy)
        accused |= {key.name for key in statement.accused}
        assert "immutable" in headers["Cache-Control"]
    assert f"{NETWORK}/1" in accused
    assert {key.name for key in cosigners} <= accused
    assert parse_note(network.ledger(2).publisher.data).text != other.text
    assert network.ledger(2).status().evidence == len(names.decode().split())
