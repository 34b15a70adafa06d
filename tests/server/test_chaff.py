"""A fake request looks like a real one on the line, and does nothing."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from cosignal.server.intake.chaff import RecentAnswers, filler, random_padding
from cosignal.server.storage.tables import wrong_attempts
from tests.server.desk import Desk, Upload

Entropy = Callable[[int], bytes]
CALLS = ("/api/verify", "/api/certificate", "/v1/publish")


async def chaff(desk: Desk, path: str) -> tuple[int, int, float]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await desk.post(path, b"x", desk.api_key("device"), **{"X-Chaff": "1"})
    return answer.status, answer.size, loop.time() - began


@pytest.mark.parametrize("path", CALLS)
async def test_a_cold_node_answers_chaff_neither_at_once_nor_with_nothing(
    desk: Desk, path: str
) -> None:
    answers = [await chaff(desk, path) for _ in range(8)]

    assert {status for status, _, _ in answers} == {200}
    assert min(size for _, size, _ in answers) > 1500
    assert len({size for _, size, _ in answers}) > 2
    assert min(seconds for _, _, seconds in answers) >= 0.004


async def test_chaff_has_the_length_and_the_duration_of_one_real_answer(
    desk: Desk,
) -> None:
    answers = desk.intake.publish_answers
    for _ in range(300):
        answers.record(0.05, 4321)

    status, size, seconds = await chaff(desk, "/v1/publish")

    assert (status, size) == (200, 4321)
    assert seconds >= 0.05


async def test_real_answers_are_what_chaff_imitates(
    desk: Desk, entropy: Entropy
) -> None:
    sizes = {(await desk.publish(await desk.certified(Upload.of(entropy)))).size}
    for _ in range(400):
        desk.intake.publish_answers._seen.popleft()
        if len(desk.intake.publish_answers._seen) == 1:
            break

    assert {(await chaff(desk, "/v1/publish"))[1]} == sizes


async def test_chaff_has_the_headers_of_a_real_answer(
    desk: Desk, entropy: Entropy
) -> None:
    real = await desk.publish(await desk.certified(Upload.of(entropy)))

    fake = await desk.post("/v1/publish", b"x", **{"X-Chaff": "any"})

    assert [*fake.headers] == [*real.headers]


async def test_chaff_does_nothing(desk: Desk, entropy: Entropy) -> None:
    code = (await desk.issue()).json["code"]
    key = desk.api_key("device")
    upload = await desk.certified(Upload.of(entropy))

    await desk.post("/api/verify", {"code": code}, key, **{"X-Chaff": "1"})
    await desk.post("/api/verify", {"code": "00000000"}, key, **{"X-Chaff": "1"})
    await desk.post("/v1/publish", upload.request(desk.authority), **{"X-Chaff": "1"})

    assert (await desk.verify(code)).status == 200
    assert (await desk.publish(upload)).json["insertedExposures"] == 3
    async with desk.database.read() as connection:
        query = select(func.count()).select_from(wrong_attempts)
        assert (await connection.execute(query)).scalar_one() == 0


async def test_chaff_needs_the_api_key_that_a_real_request_needs(desk: Desk) -> None:
    answer = await desk.post("/api/verify", b"x", **{"X-Chaff": "1"})

    assert answer.status == 401


async def test_too_large_chaff_is_refused_like_a_real_request(desk: Desk) -> None:
    answer = await desk.post("/v1/publish", b"x" * 64_001, **{"X-Chaff": "1"})

    assert answer.status == 413


def test_durations_and_lengths_come_in_the_pairs_that_were_seen(
    entropy: Entropy,
) -> None:
    answers = RecentAnswers(entropy, usual_bytes=500)
    seen = [(n / 1000, 2000 + n) for n in range(256)]
    for seconds, size in seen:
        answers.record(seconds, size)

    drawn = {answers.draw() for _ in range(2000)}

    assert drawn <= set(seen)
    assert len(drawn) > 250


def test_padding_is_between_one_and_two_kilobytes(entropy: Entropy) -> None:
    sizes = {len(random_padding(entropy)) for _ in range(500)}

    assert min(sizes) >= 1024 * 4 // 3
    assert max(sizes) <= 2048 * 4 // 3 + 4
    assert len(sizes) > 150


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 1999])
def test_filler_has_exactly_the_wanted_length(entropy: Entropy, size: int) -> None:
    assert len(filler(entropy, size)) == size
