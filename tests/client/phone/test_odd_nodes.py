"""Uploads through nodes that answer what no authority should, at odd times."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cosignal.client.phone.chaff import Conditions, Network
from cosignal.client.phone.phone import Phone
from cosignal.client.phone.upload_jobs import State, change_job, find_job
from cosignal.protocol.errors import FatalError
from cosignal.protocol.exposure.metadata import Metadata
from tests.client.phone import people
from tests.client.phone.lossy import STEPS
from tests.network_in_memory import NetworkInMemory
from tests.strategies import NOW

GOOD = Conditions(battery=0.8, charging=False, network=Network.UNMETERED)
BAD = Conditions(battery=0.05, charging=False, network=Network.METERED)
ANSWERS = {
    "/api/verify": b'{"token":"t"}',
    "/api/certificate": b'{"certificate":"c"}',
    "/v1/publish": b'{"insertedExposures":1,"revisionToken":"r"}',
}
CODE_INVALID = b'{"error":"no such code","errorCode":"code_invalid"}'
KEYS_KNOWN = b'{"error":"known","code":"missing_revision_token"}'


@dataclass
class Node:
    """A node that answers what it is told to.

    Attributes:
        url: Where it is.
        answers: By path.
        refusals: By path, with status 400; taken before `answers`.
        seen: Path and fakeness of each request.
        before: Called when a request has come.
    """

    url: str = ""
    answers: dict[str, bytes] = field(default_factory=lambda: dict(ANSWERS))
    refusals: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[str, bool]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None

    async def handle(self, request: web.Request) -> web.Response:
        await request.read()
        self.seen.append((request.path, "X-Chaff" in request.headers))
        self.before()
        refusal = self.refusals.get(request.path)
        body = refusal or self.answers[request.path]
        status = 400 if refusal else 200
        return web.Response(body=body, status=status, content_type="application/json")

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.seen]


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    node = Node()
    app = web.Application()
    app.router.add_post("/{path:.*}", node.handle)
    async with TestServer(app, host="127.0.0.1") as server:
        node.url = str(server.make_url("/"))
        yield node


@pytest.fixture
def network() -> NetworkInMemory:
    return NetworkInMemory()


@pytest.fixture
def bob(bob: Phone) -> Phone:
    """Bob's phone was on the day before."""
    bob.broadcast(Metadata(-15), NOW - 86400)
    return bob


async def carry_on(
    who: Phone, node: Node, now: int = NOW, conditions: Conditions = GOOD
) -> list[int]:
    """Carry on at a time; give the time of every look at the conditions."""
    clock, asked = [now], []

    async def sleep(seconds: float) -> None:
        clock[0] += int(seconds)

    def hook() -> Conditions:
        asked.append(clock[0])
        return conditions

    async with who.uploads.client(
        node.url, api_key="key", health_authority="authority"
    ) as client:
        await who.uploads.carry_on(client, lambda: clock[0], hook, sleep=sleep)
    return asked


def begin_later(who: Phone, now: int = NOW, **fields: int) -> int:
    """Begin another upload, with a key that the first one does not have."""
    who.broadcast(Metadata(-15), now + 1200)
    return who.uploads.begin("12345678", now + 1200, **fields)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/v1/publish", b'{"insertedExposures":9999999999999999999999}'),
        ("/v1/publish", b'{"insertedExposures":31,"revisionToken":"r"}'),
        ("/v1/publish", b'{"insertedExposures":1,"receipt":"\\ud800"}'),
        ("/v1/publish", b'{"insertedExposures":1,"receipt":"' + b"a" * 5000 + b'"}'),
        ("/v1/publish", b'{"insertedExposures":1,"revisionToken":"r\\n"}'),
        ("/api/verify", b'{"token":"\\ud800"}'),
        ("/api/verify", b'{"token":"a b"}'),
        ("/api/certificate", b'{"certificate":"' + b"c" * 2049 + b'"}'),
    ],
)
async def test_an_answer_out_of_bounds_is_taken_for_none(
    bob: Phone, node: Node, path: str, answer: bytes
) -> None:
    number = bob.uploads.begin("12345678", NOW)
    node.answers[path] = answer
    await carry_on(bob, node)
    assert find_job(bob._database, number).error == "no_answer"

    node.answers = dict(ANSWERS)
    await carry_on(bob, node, NOW + 7200)

    assert find_job(bob._database, number).state is State.DONE


async def test_an_upload_that_breaks_stops_no_other(bob: Phone, node: Node) -> None:
    broken = bob.uploads.begin("12345678", NOW)
    with bob._database.write() as connection:
        connection.execute("UPDATE upload_jobs SET keys = x'00', state = 'certify'")
    sound = begin_later(bob)

    with pytest.raises(FatalError, match="expected its keys") as caught:
        await carry_on(bob, node, NOW + 1200)

    assert "Forget this upload" in caught.value.advice
    assert find_job(bob._database, sound).state is State.DONE
    assert find_job(bob._database, broken).attempts == 1


async def test_an_upload_that_is_forgotten_meanwhile_stops_no_other(
    bob: Phone, node: Node
) -> None:
    first = bob.uploads.begin("12345678", NOW)
    second = begin_later(bob)
    third = begin_later(bob, NOW + 1200)
    node.before = lambda: bob.uploads.forget(second)

    await carry_on(bob, node, NOW + 2400)

    done = [(job.id, job.state) for job in bob.uploads.jobs()]
    assert done == [(first, State.DONE), (third, State.DONE)]


async def test_a_refused_upload_is_as_long_as_a_fake_one_in_the_same_run(
    bob: Phone, node: Node
) -> None:
    node.refusals["/api/verify"] = CODE_INVALID
    bob.uploads.begin("12345678", NOW)
    begin_later(bob)

    await carry_on(bob, node, NOW + 1200)

    # One after the other, and nothing between the requests of one.
    assert node.paths == list(STEPS) * 2
    assert [fake for _, fake in node.seen] == [False, True, True] * 2
    assert [job.error for job in bob.uploads.jobs()] == ["code_invalid"] * 2


async def test_patience_ends_when_the_person_said(bob: Phone, node: Node) -> None:
    number = bob.uploads.begin("12345678", NOW)
    later = {"patient": True, "next_attempt": NOW + 3600, "wait_until": NOW + 7200}
    change_job(bob._database, find_job(bob._database, number), **later)

    await carry_on(bob, node, NOW + 7000, BAD)
    assert (node.paths, find_job(bob._database, number).state) == ([], State.REDEEM)
    await carry_on(bob, node, NOW + 7200, BAD)

    assert find_job(bob._database, number).state is State.DONE


async def test_an_upload_in_a_fake_ones_place_keeps_how_long_it_may_wait(
    tmp_path: Path, network: NetworkInMemory
) -> None:
    with people.phone(tmp_path, network, "often") as often:
        often.uploads._chaff_per_day = 24
        often.broadcast(Metadata(-15), NOW - 86400)

        often.uploads.begin("12345678", NOW, wait_until=NOW + 20 * 3600)

        (job,) = often.uploads.jobs()
        assert (job.patient, job.wait_until) == (True, NOW + 20 * 3600)


async def test_conditions_are_asked_for_when_something_can_wait(
    bob: Phone, node: Node
) -> None:
    number = bob.uploads.begin("12345678", NOW)
    assert await carry_on(bob, node) == []
    patient = begin_later(bob)
    change_job(bob._database, find_job(bob._database, patient), patient=True)

    asked = await carry_on(bob, node, NOW + 1200)

    assert asked == [NOW + 1200]
    states = [find_job(bob._database, item).state for item in (number, patient)]
    assert states == [State.DONE, State.DONE]


@pytest.mark.parametrize("forgotten", [True, False])
@pytest.mark.parametrize(
    ("path", "refusal", "again"),
    [
        ("/api/verify", CODE_INVALID, 2),
        ("/v1/publish", CODE_INVALID, 2),
        # Somebody has published them; a whole upload would be refused for them.
        ("/v1/publish", KEYS_KNOWN, 1),
        # It was never sent, whatever the node says.
        ("/api/verify", KEYS_KNOWN, 2),
    ],
)
async def test_keys_that_are_not_published_go_up_with_the_next_code(
    bob: Phone, node: Node, path: str, refusal: bytes, again: int, *, forgotten: bool
) -> None:
    node.refusals[path] = refusal
    number = bob.uploads.begin("12345678", NOW)
    await carry_on(bob, node)
    assert find_job(bob._database, number).state is State.REFUSED
    if forgotten:
        bob.uploads.forget(number)

    following = begin_later(bob)

    keys = bob._database.read("SELECT 1 FROM own_keys WHERE upload = ?", following)
    assert len(keys) == again


async def test_an_upload_that_a_wrong_clock_dated_is_forgotten_in_time(
    bob: Phone, node: Node, network: NetworkInMemory
) -> None:
    number = bob.uploads.begin("12345678", NOW)
    await carry_on(bob, node)
    job = find_job(bob._database, number)
    change_job(bob._database, job, since=NOW + 400 * 86400, begun=NOW + 400 * 86400)
    network.publish()
    await people.sync(bob, network)

    bob.uploads.tidy(NOW + 32 * 86400)

    assert bob.uploads.jobs() == []
