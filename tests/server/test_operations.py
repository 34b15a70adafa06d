"""An operator sees what is wrong; an onlooker sees nothing that tells on people."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from cosignal.protocol.errors import RefusedError
from cosignal.server.api import operations
from cosignal.server.app_keys import ROUTES
from cosignal.server.config import Limits
from tests.server.authorities import authorities
from tests.server.desk import Desk, Upload

Entropy = Callable[[int], bytes]


async def test_a_healthy_node_says_so(desk: Desk) -> None:
    await desk.network.reach(1)

    answer = await desk.get("/healthz")

    assert answer.status == 200
    assert answer.json == {
        "status": "ok",
        "node": "authority-1",
        "network": "test.cosignal.example",
        "problems": [],
    }


async def test_a_node_that_lacks_its_quorum_says_what_is_wrong(tmp_path: Path) -> None:
    async with authorities(tmp_path, 4) as network:
        await network.start(1)

        answer = await Desk(network, 1).get("/healthz")

    assert answer.status == 503
    assert answer.json["status"] == "failing"
    assert {problem["part"] for problem in answer.json["problems"]} == {"ledger"}
    assert all(problem["advice"] for problem in answer.json["problems"])


async def test_a_disk_that_is_nearly_full_is_a_problem(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.network.reach(1)
    monkeypatch.setattr(operations, "LEAST_FREE_BYTES", 1 << 60)

    answer = await desk.get("/healthz")

    assert answer.status == 503
    assert [problem["part"] for problem in answer.json["problems"]] == ["disk"]


async def metrics(desk: Desk) -> str:
    url = f"{desk.network.url(desk.number)}/metrics"
    async with desk.network.session.get(url) as answer:
        assert answer.content_type == "text/plain"
        return await answer.text()


async def test_metrics_count_answers_by_route(desk: Desk) -> None:
    await desk.verify("00000000")
    await desk.get("/chain/1/no-such-thing")

    text = await metrics(desk)

    assert 'cosignal_requests_total{route="/api/verify",status="400"} 1.0' in text
    assert "cosignal_certified_size " in text
    assert "no-such-thing" not in text


async def test_metrics_do_not_tell_fake_requests_from_real_ones(
    desk: Desk, entropy: Entropy
) -> None:
    await desk.network.reach(1)
    upload = await desk.certified(Upload.of(entropy))
    before = await metrics(desk)
    await desk.publish(upload)
    real = await metrics(desk)
    await desk.post("/v1/publish", b"x", **{"X-Chaff": "1"})
    fake = await metrics(desk)

    def difference(old: str, new: str) -> set[str]:
        changed = set(new.splitlines()) - set(old.splitlines())
        return {line.rpartition(" ")[0] for line in changed}

    assert difference(before, real) == difference(real, fake)


async def test_the_description_covers_every_route(desk: Desk) -> None:
    app = desk.network.running[1][1].app

    document = (await desk.get("/openapi.json")).json

    assert document["openapi"] == "3.1.0"
    described = {
        (method, path)
        for path, operations_ in document["paths"].items()
        for method in operations_
    }
    assert len(described) == len(app[ROUTES])
    assert ("post", "/v1/publish") in described
    assert ("get", "/chain/{shard}/body/{commit}") in described


async def test_every_reference_of_the_description_leads_somewhere(desk: Desk) -> None:
    document = (await desk.get("/openapi.json")).json

    names = {
        part.split('"')[0]
        for part in json.dumps(document).split("#/components/schemas/")
    }
    schemas = document["components"]["schemas"]
    assert {name for name in names if not name.startswith("{")} <= set(schemas)
    publish = document["paths"]["/v1/publish"]["post"]
    schema = publish["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/PublishRequest"}
    assert schemas["PublishRequest"]["additionalProperties"] is False
    assert "temporaryExposureKeys" in schemas["PublishRequest"]["required"]


async def test_only_guarded_routes_ask_for_an_api_key(desk: Desk) -> None:
    paths = (await desk.get("/openapi.json")).json["paths"]

    guarded = {
        path
        for path, methods in paths.items()
        for operation in methods.values()
        if "security" in operation
    }
    assert guarded == {"/api/verify", "/api/certificate", "/api/issue"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/metrics/x", 404), ("PUT", "/healthz", 405)],
)
async def test_native_errors_are_problems(
    desk: Desk, method: str, path: str, status: int
) -> None:
    url = f"{desk.network.url(1)}{path}"

    async with desk.network.session.request(method, url) as answer:
        problem = await answer.json(content_type="application/problem+json")

    assert answer.status == problem["status"] == status
    assert problem["type"].startswith("urn:cosignal:problem:")
    assert problem["title"]


async def test_a_second_process_on_one_folder_is_refused(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="one in use"):
        await desk.network.start(1)


async def test_a_request_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async with authorities(tmp_path, 1) as network:
        config = network.configs[0]
        network.configs[0] = replace(config, limits=Limits(request_seconds=1))
        await network.start(1)
        api_key = Desk(network, 1).api_key("device")
        async with network.session.post(
            f"{network.url(1)}/api/verify",
            data=slowly(),
            headers={"X-API-Key": api_key},
        ) as answer:
            body = await answer.json()

    assert (answer.status, body["errorCode"]) == (503, "internal_error")
    assert answer.headers["Retry-After"] == "1"
