from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.client.exposures import MATCHES_PATH, Exposure, find_exposures
from cosignal.client.sightings import (
    MAX_INTERVAL,
    encode_sightings,
    parse_sightings,
)
from cosignal.protocol.diagnosis_keys import DiagnosisKey, Infectiousness, ReportType
from cosignal.protocol.errors import MalformedError
from cosignal.protocol.identifiers import (
    rolling_proximity_identifier,
    rolling_proximity_identifier_key,
)
from cosignal.protocol.matching import Sightings
from tests.client.followers import opened, sync
from tests.network_in_memory import RETENTION, NetworkInMemory, sample_keys
from tests.protocol.sample_log import parses_or_is_malformed


def heard(*meetings: tuple[DiagnosisKey, int]) -> Sightings:
    """What a phone heard of keys, each at an offset into its day."""
    lines = [
        (
            rolling_proximity_identifier(
                rolling_proximity_identifier_key(key.data), key.start + offset
            ),
            key.start + offset,
        )
        for key, offset in meetings
    ]
    return parse_sightings(encode_sightings(lines))


async def exposures(
    folder: Path, network: NetworkInMemory, sightings: Sightings
) -> list[Exposure]:
    network.publish()
    await sync(folder, network)
    with opened(folder, network) as store:
        return find_exposures(store, sightings)


async def test_a_sighting_of_a_published_key_is_an_exposure(tmp_path: Path) -> None:
    network = NetworkInMemory()
    keys = sample_keys(20)
    block = network.block(keys, issuer=3)

    (found,) = await exposures(
        tmp_path, network, heard((keys[3], 50), (keys[3], 7), (keys[3], 51))
    )

    assert found == Exposure(
        interval=keys[3].start + 7,  # type: ignore[arg-type]
        sightings=3,
        report_type=ReportType.CONFIRMED_TEST,
        infectiousness=Infectiousness.HIGH,
        issuer="authority-3",
        region="R3",
        shard="1",
        index=1,
        commit=block.commit,
    )
    assert keys[3].start == found.day


async def test_who_met_nobody_has_no_exposure(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.block(sample_keys(20))
    (stranger,) = sample_keys(1, "somebody else")

    assert await exposures(tmp_path, network, heard((stranger, 3))) == []


async def test_only_new_blocks_are_matched_and_old_finds_stay(tmp_path: Path) -> None:
    network = NetworkInMemory()
    first, second = sample_keys(20, "a"), sample_keys(20, "b")
    network.block(first)
    await exposures(tmp_path, network, heard((first[0], 3)))
    network.block(second)

    # The first sighting is forgotten by now; what it meant is not.
    found = await exposures(tmp_path, network, heard((second[0], 3)))

    assert [item.index for item in found] == [1, 2]


async def test_a_key_that_stands_twice_counts_once_and_first(tmp_path: Path) -> None:
    network = NetworkInMemory()
    keys = sample_keys(20)
    network.block(keys, issuer=2)
    network.block(keys[:12], issuer=3)

    found = await exposures(tmp_path, network, heard((keys[0], 3)))

    assert [item.issuer for item in found] == ["authority-2"]


async def test_a_revoked_block_exposes_nobody(tmp_path: Path) -> None:
    network = NetworkInMemory()
    keys = sample_keys(20)
    block = network.block(keys)
    sightings = heard((keys[0], 3))
    before = await exposures(tmp_path, network, sightings)
    network.revoke(block)

    assert (len(before), await exposures(tmp_path, network, sightings)) == (1, [])


async def test_a_key_of_a_revoked_report_exposes_nobody(tmp_path: Path) -> None:
    network = NetworkInMemory()
    (sample,) = sample_keys(1)
    revoked = DiagnosisKey(
        sample.data, sample.start, 144, ReportType.REVOKED, Infectiousness.HIGH
    )
    network.block([revoked])

    assert await exposures(tmp_path, network, heard((revoked, 3))) == []


async def test_finds_are_forgotten_when_the_block_expires(tmp_path: Path) -> None:
    network = NetworkInMemory()
    keys = sample_keys(20)
    network.block(keys)
    await exposures(tmp_path, network, heard((keys[0], 3)))
    network.now += RETENTION

    assert await exposures(tmp_path, network, heard((keys[0], 3))) == []
    assert keys[0].data not in (tmp_path / MATCHES_PATH).read_bytes()


async def test_a_damaged_file_of_matches_is_refused_by_name(tmp_path: Path) -> None:
    network = NetworkInMemory()
    keys = sample_keys(20)
    network.block(keys)
    await exposures(tmp_path, network, heard((keys[0], 3)))
    (tmp_path / MATCHES_PATH).write_bytes(b"{")

    with pytest.raises(MalformedError, match="matches"):
        await exposures(tmp_path, network, heard((keys[0], 3)))


HEARD = st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, MAX_INTERVAL))


@pytest.mark.parametrize("interval", [MAX_INTERVAL + 1, 1_764_079_200])
def test_seconds_in_the_place_of_an_interval_are_refused(interval: int) -> None:
    data = encode_sightings([(bytes(16), 5), (bytes(16), interval)])

    with pytest.raises(MalformedError, match="line 2: expected an interval") as caught:
        parse_sightings(data)
    assert "divided by 600" in caught.value.advice


@given(st.lists(HEARD))
def test_sightings_survive_the_file(lines: list[tuple[bytes, int]]) -> None:
    found = parse_sightings(b"# heard\n\n" + encode_sightings(lines))

    assert b"".join(identifier for identifier, _ in lines) == found.identifiers
    assert [interval for _, interval in lines] == found.intervals.tolist()
    assert np.int64 == found.intervals.dtype


@given(st.binary() | st.text("0123456789abcdef \n#", max_size=90).map(str.encode))
def test_any_file_is_sightings_or_malformed(data: bytes) -> None:
    parses_or_is_malformed(parse_sightings, data)
