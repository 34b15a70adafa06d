import asyncio

import pytest

from cosignal.client.phone.phone import Phone
from cosignal.client.sources import MAX_FILE_BYTES
from cosignal.protocol.errors import (
    CosignalError,
    StaleError,
    UsageError,
)
from tests.client.phone.mirrors import Absent, Elsewhere, Stalling
from tests.client.phone.people import (
    sync,
)
from tests.network_in_memory import NetworkInMemory, sample_keys


def lying(network: NetworkInMemory) -> Elsewhere:
    thief = network.fork()
    thief.block(sample_keys(20, "made up"))
    thief.publish(signers=[])
    return Elsewhere("the thief", thief)


async def test_mirrors_that_lie_or_fail_are_passed_over_and_asked_last(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    absent, thief = Absent("nobody", network), lying(network)
    honest = Elsewhere("the library", network)

    first = (await sync(bob, network, [absent, thief, honest])).chain
    second = (await sync(bob, network, [absent, thief, honest])).chain

    assert [item.mirror for item in first.attempts] == [
        "nobody",
        "the thief",
        "the library",
    ]
    assert first.synced.bodies == 1
    assert [item.mirror for item in second.attempts] == ["the library"]


async def test_a_mirror_that_stalls_is_not_waited_for(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()
    mirrors = [Stalling("slow", network), Elsewhere("quick", network)]

    done = await bob.sync(mirrors, network.now, patience=0.05)

    (slow, quick) = done.chain.attempts
    assert "in time" in str(slow.error)
    assert quick.error is None


async def test_a_mirror_that_withholds_news_is_noticed(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()
    old = network.fork()
    network.now += 3 * 3600
    network.block()
    network.publish()
    mirrors = [Elsewhere("old", old), Elsewhere("new", network)]

    done = await sync(bob, network, mirrors)

    assert [item.mirror for item in done.chain.attempts] == ["old", "new"]
    assert done.chain.synced.certified.checkpoint.size == 3


async def test_a_body_that_one_mirror_lacks_comes_from_another(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    poor = network.fork()
    for path in [path for path in poor.published if "/body/" in path]:
        poor.drop(path)

    done = await sync(
        bob, network, [Elsewhere("poor", poor), Elsewhere("rich", network)]
    )

    assert (done.chain.synced.bodies, done.chain.synced.missing) == (1, ())
    assert done.keys == 20


async def test_when_no_mirror_serves_the_first_ones_error_is_told(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()

    with pytest.raises(CosignalError, match="excuses"):
        await sync(bob, network, [Absent("nobody", network), lying(network)])


async def test_a_second_history_is_kept_as_evidence_and_the_sync_goes_on(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.block()
    network.publish()
    await sync(bob, network)
    fork = network.fork()
    fork.entries[-1] = b""
    fork.entries.pop()
    fork.block(sample_keys(20, "another story"))
    fork.publish()
    mirrors = [Elsewhere("fork", fork), Elsewhere("honest", network)]

    done = await sync(bob, network, mirrors)

    assert len(done.chain.evidence) == 1
    assert done.chain.attempts[-1].error is None


async def test_no_mirror_is_a_mistake_of_the_app(
    bob: Phone, network: NetworkInMemory
) -> None:
    with pytest.raises(UsageError, match="mirrors: expected one or more"):
        await sync(bob, network, [])


class Trickling(Elsewhere):
    """It answers every time, and gets nowhere."""

    async def get(self, path: str, limit: int = MAX_FILE_BYTES) -> bytes:
        await asyncio.sleep(0.05)
        return await super().get(path, limit)


async def test_a_mirror_that_trickles_is_given_up_and_asked_last(
    bob: Phone, network: NetworkInMemory
) -> None:
    for _ in range(40):
        network.block()
    network.publish()
    mirrors = [Trickling("slow", network), Elsewhere("quick", network)]

    done = await bob.sync(mirrors, network.now, patience=5, budget=0.2)
    again = await bob.sync(mirrors, network.now, patience=5, budget=5)

    (slow, quick) = done.chain.attempts
    assert "expected all of it from slow within 0.2 s" in str(slow.error)
    # What the slow one gave was kept.
    assert quick.synced is not None
    assert 0 < quick.synced.bodies < 40
    assert [item.mirror for item in again.chain.attempts] == ["quick"]


async def test_a_clock_that_is_a_day_ahead_is_doubted_and_no_mirror_is_blamed(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()
    mirrors: list[Elsewhere] = [Absent("nobody", network)]
    mirrors += [Elsewhere(name, network) for name in ("one", "other")]

    with pytest.raises(StaleError, match="at every mirror") as caught:
        await bob.sync(mirrors, network.now + 90_000)

    assert "Correct this phone's clock" in caught.value.advice
    assert bob._database.read("SELECT name FROM mirrors") == [("nobody",)]


async def test_one_old_mirror_beside_a_liar_says_nothing_of_the_clock(
    bob: Phone, network: NetworkInMemory
) -> None:
    network.publish()

    with pytest.raises(CosignalError) as caught:
        await bob.sync([lying(network), network], network.now + 90_000)

    assert "clock" not in caught.value.advice
