"""What `cosignal client costs` measures, on small days."""

import asyncio
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cosignal.client.folders import Folder
from cosignal.client.follower import Follower
from cosignal.client.fsck import audit
from cosignal.client.sources import FolderSource, HttpSource
from cosignal.client.store import Store
from cosignal.client.traffic import Account, Amount, Kind
from cosignal.protocol.errors import NotFoundError, UsageError
from cosignal.protocol.intervals import DAY_INTERVALS, Interval
from cosignal.server.costs.day import DayCosts, live_day
from cosignal.server.costs.file_server import served
from cosignal.server.costs.keys import draw_keys, draw_sightings
from cosignal.server.costs.peers import peer_figures
from cosignal.server.costs.practice_network import PracticeNetwork
from cosignal.server.costs.report import Report
from cosignal.server.costs.scenarios import Scenario
from cosignal.server.costs.tls import RECORD_BYTES, handshake_bytes, tls_bytes
from tests.strategies import NOW, counted_entropy
from tests.strategies import TODAY as TODAY_NUMBER

TODAY = Interval(TODAY_NUMBER)
SMALL = Scenario(authorities=2, block_hours=6, sync_hours=12, keys=500)


def rng(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - keys of nobody


def network_of(folder: Path, authorities: int = 3) -> PracticeNetwork:
    """One block of each authority, yesterday's keys."""
    network = PracticeNetwork(
        folder / "network", authorities, NOW - 60, counted_entropy()
    )
    for authority in range(authorities):
        keys = list(draw_keys(60, TODAY, rng(authority)))
        network.publish_block(authority, keys, NOW)
    network.certify(NOW)
    return network


async def test_the_practice_network_stands_every_check(tmp_path: Path) -> None:
    network = network_of(tmp_path)
    Folder(tmp_path / "public").put_all(network.files.items())

    found = audit(tmp_path / "public", network.policy, NOW)
    with Store(Folder(tmp_path / "phone"), network.policy) as store:
        source = FolderSource(tmp_path / "public")
        synced = await Follower(store, source).sync(NOW)

    assert not found.faults
    assert (synced.entries, synced.bodies, synced.missing) == (4, 3, ())
    assert len(synced.certified.cosignatures) == 3


async def test_a_block_with_few_keys_is_padded_to_the_policys_minimum(
    tmp_path: Path,
) -> None:
    network = PracticeNetwork(tmp_path / "network", 1, NOW - 60, counted_entropy())

    count = network.publish_block(0, list(draw_keys(1, TODAY, rng())), NOW)

    assert 50 <= count <= 57


def test_the_same_seed_draws_the_same_keys() -> None:
    keys = list(draw_keys(200, TODAY, rng()))

    assert list(draw_keys(200, TODAY, rng())) == keys
    assert len({key.data for key in keys}) == 200
    assert {key.period for key in keys} > {DAY_INTERVALS}
    assert max(key.start + key.period for key in keys) <= TODAY


def test_sightings_are_of_the_days_that_keys_are_of() -> None:
    intervals = draw_sightings(TODAY, rng()).intervals

    assert intervals.min() >= TODAY - 13 * DAY_INTERVALS
    assert intervals.max() < TODAY


async def test_files_are_served_as_a_node_serves_them(tmp_path: Path) -> None:
    network = network_of(tmp_path)
    with served(network.files) as url:
        async with HttpSource(url) as source:
            for path, data in network.files.items():
                assert await source.get(path) == data, path
            with pytest.raises(NotFoundError):
                await source.get("chain/2/checkpoint")
            network.files["chain/2/checkpoint"] = b"later"
            assert await source.get("chain/2/checkpoint") == b"later"


@pytest.fixture(scope="module")
def small() -> DayCosts:
    return _live(SMALL)


def _live(scenario: Scenario) -> DayCosts:
    return asyncio.run(live_day(scenario, NOW, seed=1))


def test_a_day_has_a_block_of_each_authority_at_each_time(small: DayCosts) -> None:
    # 500 keys in 8 blocks are 62 or 63 each, above the minimum.
    assert (small.syncs, small.blocks, small.published) == (2, 8, 500)


def test_every_file_of_the_day_is_asked_for_once(small: DayCosts) -> None:
    requests = {kind: small.account.of_kind(kind).requests for kind in Kind}

    assert requests[Kind.CHECKPOINT] == small.syncs
    assert requests[Kind.BODIES] == small.blocks
    # The bundle that grows, once a sync: it is not full at the end of this day.
    assert requests[Kind.ENTRIES] == small.syncs
    assert requests[Kind.OTHER] == requests[Kind.UPLOADS] == 0


def test_keys_travel_unpacked_and_nothing_else_is_large(small: DayCosts) -> None:
    bodies = small.account.of_kind(Kind.BODIES).received
    heads = 400 * small.blocks

    # Sixteen bytes a key; the table of groups is long beside so few keys.
    assert 16 * small.published < bodies < 20 * small.published + heads
    assert small.bytes_per_key == small.account.total.bytes / SMALL.keys


def test_processor_time_is_counted(small: DayCosts) -> None:
    assert small.sync_seconds > 0
    assert small.match_seconds > 0


def test_the_same_day_costs_the_same_bytes(small: DayCosts) -> None:
    again = _live(SMALL)

    def by_kind(day: DayCosts) -> list[Amount]:
        return [day.account.of_kind(kind) for kind in Kind]

    assert by_kind(again) == by_kind(small)


def test_an_authority_without_keys_makes_no_block() -> None:
    day = _live(replace(SMALL, keys=3))

    assert day.blocks == 3
    assert 150 <= day.published <= 171


async def test_progress_is_told_by_the_hour() -> None:
    told: list[int] = []

    await live_day(replace(SMALL, keys=10), NOW, 1, told.append)

    assert told == list(range(1, 25))


@pytest.mark.parametrize(
    ("option", "change"),
    [
        ("--authorities", {"authorities": 0}),
        ("--authorities", {"authorities": 65}),
        ("--keys", {"keys": 0}),
        ("--keys", {"keys": 2_000_001}),
        ("--block-hours", {"block_hours": 0}),
        ("--block-hours", {"block_hours": 5}),
        ("--block-hours", {"block_hours": 48}),
        ("--sync-hours", {"sync_hours": -1}),
        ("--sync-hours", {"sync_hours": 7}),
    ],
)
def test_a_scenario_that_cannot_be_measured_is_refused(
    option: str, change: dict[str, int]
) -> None:
    with pytest.raises(UsageError, match=f"^{option}: expected "):
        replace(SMALL, **change)


def test_a_handshake_carries_at_least_certificate_and_signature() -> None:
    assert 1_000 < handshake_bytes() < 4_000


def test_tls_is_estimated_by_connections_and_records() -> None:
    account = Account(
        {
            ("a", Kind.CONNECTING): Amount(requests=2),
            ("a", Kind.CHECKPOINT): Amount(1, 100, 1_000),
            ("a", Kind.BODIES): Amount(1, 100, 40_000),
        }
    )

    assert tls_bytes(account, 1_500) == 2 * 1_500 + (4 + 2) * RECORD_BYTES
    assert RECORD_BYTES == 22


def test_others_figures_follow_the_number_of_keys() -> None:
    few, many = list(peer_figures(1_000)), list(peer_figures(10_000))

    for one, ten in zip(few, many, strict=True):
        factor = 10 if one.computed else 1
        assert ten.least == pytest.approx(factor * one.least)
        assert ten.most == pytest.approx(factor * one.most)
        assert one.least <= one.most
        assert "/" in one.source


def test_others_figures_are_those_of_their_sources() -> None:
    found = {item.how[:30]: item for item in peer_figures(14 * 100_000)}

    estimate = next(item for how, item in found.items() if how.startswith("22.4 MB"))
    assert estimate.least == 22.4e6
    monthly = next(item for how, item in found.items() if how.startswith("2.25 GB"))
    assert monthly.most * 30 == 2.25e9


def test_the_report_says_the_same_to_people_and_programs(small: DayCosts) -> None:
    report = Report([small], 1_500)
    lines, value = list(report.lines()), report.value()
    (day,) = value["days"]

    cells = lines[2].split()
    assert cells[:6] == ["2", "6", "h", "8", str(day["requests"]), cells[5]]
    assert f"{day['bytes_per_key']:.2f}" in cells
    assert day["bytes_up"] == sum(kind["bytes_up"] for kind in day["kinds"].values())
    assert day["bytes_down"] == sum(
        kind["bytes_down"] for kind in day["kinds"].values()
    )
    for item in peer_figures(SMALL.keys):
        assert any(item.source in line for line in lines)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cosignal.server", "client", "costs", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_command_measures_each_pair_and_shows_others_beside() -> None:
    done = run(
        *("--authorities", "1", "--authorities", "5"),
        *("--block-hours", "8", "--block-hours", "24"),
        *("--keys", "200", "--sync-hours", "24", "--json"),
    )
    value: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])

    assert (done.returncode, done.stderr) == (0, "")
    pairs = [(day["authorities"], day["block_hours"]) for day in value["days"]]
    assert pairs == [(1, 8), (1, 24), (5, 8), (5, 24)]
    assert [day["blocks"] for day in value["days"]] == [3, 1, 15, 5]
    assert all(
        day["kinds"]["bodies"]["requests"] == day["blocks"] for day in value["days"]
    )
    assert {item["computed"] for item in value["peers"]} == {True, False}


def test_the_command_tells_people_in_a_table() -> None:
    done = run("--authorities", "1", "--block-hours", "24", "--keys", "60")

    assert done.returncode == 0
    assert done.stdout.startswith("A phone's day: 60 keys of all authorities together")
    assert "Others, for 60 keys a day" in done.stdout
    assert "cwa-app-android#4753" in done.stdout


@pytest.mark.parametrize(
    "option", [("--block-hours", "5"), ("--authorities", "0"), ("--keys", "-1")]
)
def test_a_bad_option_is_wrong_usage_by_name(option: tuple[str, str]) -> None:
    done = run(*option)

    assert done.returncode == 2
    assert f"cosignal: {option[0]}: expected" in done.stderr
    assert not done.stdout


def test_help_has_an_example() -> None:
    done = run("--help")

    assert done.returncode == 0
    assert "Example: cosignal client costs" in done.stdout
