import pytest

from cosignal.client.paths import checkpoint_path
from cosignal.client.watch import Finding, Sight, Watch
from cosignal.protocol.errors import UnavailableError
from cosignal.protocol.evidence import verify_evidence
from tests.network_in_memory import NetworkInMemory, sample_keys

CHECKPOINT = checkpoint_path("1")


def network_of(blocks: int = 2) -> NetworkInMemory:
    network = NetworkInMemory()
    for _ in range(blocks):
        network.block()
    network.publish()
    return network


class Silent(NetworkInMemory):
    """A place that does not answer."""

    async def get(self, path: str, limit: int = 0) -> bytes:
        raise UnavailableError(f"{path}: expected an answer of {limit}, got none")


async def look(*places: NetworkInMemory, now: int | None = None) -> list[Sight]:
    watch = Watch(places, places[0].pinned)
    return await watch.look(places[0].now if now is None else now)


def findings(sights: list[Sight]) -> list[Finding]:
    return [sight.finding for sight in sights]


async def test_places_that_agree_are_well() -> None:
    network = network_of()

    sights = await look(network, network.fork())

    assert findings(sights) == [Finding.OK, Finding.OK]
    assert "size 3" in sights[0].line(network.now + 7)
    assert "7 s ago" in sights[0].line(network.now + 7)


async def test_a_place_that_lags_is_behind_and_not_accused() -> None:
    network = network_of()
    behind = network.fork()
    for _ in range(300):
        network.block()
    network.publish()

    sights = await look(network, behind)

    assert findings(sights) == [Finding.OK, Finding.BEHIND]
    assert (sights[1].lag, sights[1].evidence) == (300, ())
    assert "300 behind" in sights[1].line(network.now)


async def test_a_place_at_an_older_shard_is_behind() -> None:
    network = network_of()
    behind = network.fork()
    network.next_shard()
    network.publish()

    sights = await look(network, behind)

    assert findings(sights) == [Finding.OK, Finding.BEHIND]
    assert "shard 1" in sights[1].reason


async def test_a_stale_place_is_stale() -> None:
    network = network_of()

    sights = await look(network, now=network.now + 86401)

    assert findings(sights) == [Finding.STALE]


async def test_a_silent_place_is_unreachable() -> None:
    network = network_of()

    sights = await look(network, Silent())

    assert findings(sights) == [Finding.OK, Finding.UNREACHABLE]


async def test_nobody_there_is_no_split() -> None:
    assert findings(await look(Silent(), Silent())) == [Finding.UNREACHABLE] * 2


async def test_a_checkpoint_without_quorum_is_refused() -> None:
    network = network_of()
    other = network.fork()
    other.block()
    other.publish(signers=[1])

    sights = await look(network, other)

    assert findings(sights) == [Finding.OK, Finding.REFUSED]
    assert sights[1].evidence == ()


async def test_another_logs_checkpoint_is_refused() -> None:
    network = network_of()
    network.change(CHECKPOINT, lambda data: data.replace(b"/1\n", b"/7\n"))

    assert findings(await look(network)) == [Finding.REFUSED]


@pytest.mark.parametrize(("ours", "theirs"), [(1, 1), (1, 3), (3, 1), (1, 300)])
async def test_a_split_view_is_found_and_proven(ours: int, theirs: int) -> None:
    network = network_of()
    fork = network.fork()
    for history, length, seed in ((network, ours, "a"), (fork, theirs, "b")):
        for number in range(length):
            history.block(sample_keys(20, f"{seed}{number}"))
        history.publish()

    sights = await look(network, fork)

    assert Finding.SPLIT in findings(sights)
    for item in [item for sight in sights for item in sight.evidence]:
        assert verify_evidence(item, network.pinned).accused


async def test_a_split_among_later_members_is_found_too() -> None:
    network = network_of()
    network.change_policy([1, 2, 3, 5])
    network.change_policy([5, 6, 7, 8])
    network.next_shard()
    network.publish()
    fork = network.fork()
    for history, seed in ((network, "a"), (fork, "b")):
        history.block(sample_keys(20, seed), issuer=5)
        history.publish()

    sights = await look(network, fork)

    assert findings(sights) == [Finding.OK, Finding.SPLIT]
    for item in sights[1].evidence:
        assert verify_evidence(item, network.policy.trust).accused


async def test_a_thief_without_quorum_is_convicted_by_the_log_key() -> None:
    network = network_of()
    thief = network.fork()
    network.block(sample_keys(20, "a"))
    network.publish()
    thief.block(sample_keys(20, "b"))
    thief.publish(signers=[])

    sights = await look(network, thief)

    assert findings(sights) == [Finding.OK, Finding.SPLIT]


async def test_history_that_changes_between_two_looks_is_a_split() -> None:
    network = network_of()
    fork = network.fork()
    network.block(sample_keys(20, "a"))
    network.publish()
    for number in range(2):
        fork.block(sample_keys(20, f"b{number}"))
    fork.publish()
    watch = Watch([network], network.pinned)
    before = await watch.look(network.now)
    network.published = fork.published

    after = await watch.look(network.now)

    assert findings(before + after) == [Finding.OK, Finding.SPLIT]


async def test_a_place_without_tiles_is_not_comparable_and_says_so() -> None:
    network = network_of()
    behind = network.fork()
    network.block()
    network.publish()
    network.drop("chain/1/tile/0/000.p/4")

    sights = await look(network, behind)

    assert "not comparable" in sights[1].reason


async def test_strangers_below_the_true_tlog_policy_are_refused() -> None:
    network = network_of()
    strangers = network.fork()
    strangers.usurp()
    strangers.publish()

    sights = await look(network, strangers)

    assert findings(sights)[0] == Finding.OK
    assert findings(sights)[1] in (Finding.REFUSED, Finding.SPLIT)


async def test_a_policy_change_is_followed() -> None:
    network = network_of()
    network.change_policy([1, 2, 3, 5])
    network.change_policy([5, 6, 7, 8])
    network.publish()

    assert findings(await look(network)) == [Finding.OK]
