from collections.abc import Callable
from pathlib import Path

import pytest

from cosignal.client.folders import Folder
from cosignal.client.fsck import Audit, audit
from cosignal.client.paths import checkpoint_path
from cosignal.protocol.policy import parse_policy
from cosignal.protocol.tiles import entry_bundle, parse_entry_bundle
from tests.network_in_memory import RETENTION, NetworkInMemory

CHECKPOINT = checkpoint_path("1")


def network_of(entries: int = 300) -> NetworkInMemory:
    network = NetworkInMemory()
    network.block()
    for _ in range(entries - 3):
        network.add(network.revocation())
    network.block()
    network.publish()
    return network


NETWORK = network_of()


def write(folder: Path, files: dict[str, bytes]) -> None:
    Folder(folder).put_all(files.items())


def check(folder: Path, network: NetworkInMemory = NETWORK) -> Audit:
    return audit(folder, network.pinned, network.now)


def body_of(network: NetworkInMemory) -> str:
    return next(path for path in network.published if "/body/" in path)


def test_a_good_folder_has_no_fault(tmp_path: Path) -> None:
    write(tmp_path, NETWORK.published)

    found = check(tmp_path)

    assert found == Audit({}, (), entries=300, tiles=3, bodies=2)


def test_a_good_folder_of_several_shards_has_no_fault(tmp_path: Path) -> None:
    network = network_of(10)
    network.next_shard()
    network.change_policy([1, 2, 3, 4, 5])
    network.block(issuer=5)
    network.publish()
    write(tmp_path, network.published)

    assert check(tmp_path, network).faults == {}


def test_nothing_is_changed(tmp_path: Path) -> None:
    write(tmp_path, NETWORK.published)
    before = sorted(tmp_path.rglob("*"))

    check(tmp_path)

    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("path", list(NETWORK.published))
def test_a_missing_file_is_named_alone(tmp_path: Path, path: str) -> None:
    write(tmp_path, NETWORK.published)
    (tmp_path / path).unlink()

    faults = check(tmp_path).faults

    assert path in faults
    assert faults[path].startswith("missing")
    assert list(faults) == [path]


@pytest.mark.parametrize("path", list(NETWORK.published))
def test_a_flipped_bit_is_found_in_the_file_that_has_it(
    tmp_path: Path, path: str
) -> None:
    write(tmp_path, NETWORK.published)
    data = bytearray(NETWORK.published[path])
    data[len(data) // 2] ^= 1
    (tmp_path / path).write_bytes(data)

    faults = check(tmp_path).faults

    assert path in faults
    assert list(faults) == [path]


def test_a_bad_bundle_and_a_bad_tile_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, NETWORK.published)
    bundle, tile = "chain/1/tile/entries/000", "chain/1/tile/0/001.p/44"
    first, second, *rest = parse_entry_bundle(NETWORK.published[bundle], 256)
    (tmp_path / bundle).write_bytes(entry_bundle([first, second[:-1] + b"?", *rest]))
    (tmp_path / tile).write_bytes(bytes(44 * 32))

    assert check(tmp_path).faults.keys() == {bundle, tile}


def test_a_checkpoint_without_quorum_is_a_fault(tmp_path: Path) -> None:
    network = network_of(5)
    network.publish(signers=[1])
    write(tmp_path, network.published)

    assert "expected 3 of 4" in check(tmp_path, network).faults[CHECKPOINT]


def test_a_size_that_no_folder_could_hold_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, NETWORK.published)
    note = NETWORK.published[CHECKPOINT]
    huge = note.replace(b"\n300\n", b"\n9000000000000000000\n")
    write(tmp_path, {CHECKPOINT: huge})

    faults = check(tmp_path).faults

    assert list(faults) == [CHECKPOINT]
    assert "size" in faults[CHECKPOINT]


def test_an_entry_that_breaks_a_rule_is_named_by_its_bundle(tmp_path: Path) -> None:
    network = network_of(5)
    network.add(network.revocation(), time=1)
    network.publish()
    write(tmp_path, network.published)

    faults = check(tmp_path, network).faults

    assert "entry 5: time" in faults["chain/1/tile/entries/000.p/6"]


def test_the_policy_of_another_network_is_a_fault(tmp_path: Path) -> None:
    other = NetworkInMemory(5)
    write(tmp_path, NETWORK.published)

    assert audit(tmp_path, other.pinned, NETWORK.now).faults


@pytest.mark.parametrize("bare", [False, True])
def test_strangers_below_the_true_tlog_policy_are_a_fault(
    tmp_path: Path, *, bare: bool
) -> None:
    network = network_of(10)
    strangers = network.fork()
    strangers.usurp()
    strangers.publish()
    write(tmp_path, strangers.published)
    if bare:
        network.pinned = parse_policy(network.policy.trust_text.encode())

    assert check(tmp_path, network).faults


def test_an_expired_body_must_be_gone(tmp_path: Path) -> None:
    network = network_of(5)
    write(tmp_path, network.published)
    network.now += RETENTION + 600
    bodies = [path for path in network.published if "/body/" in path]

    assert check(tmp_path, network).faults.keys() == set(bodies)
    for path in bodies:
        (tmp_path / path).unlink()
    assert check(tmp_path, network).faults == {}


STRAYS: dict[str, tuple[str, Callable[[NetworkInMemory], bytes]]] = {
    "unknown file": ("chain/1/notes.txt", lambda _: b"?"),
    "unknown shard": ("chain/9/checkpoint", lambda _: b"?"),
    "unknown policy": ("chain/policy/2", lambda n: n.published["chain/policy/1"]),
    "other spelling": ("chain/1/tile/0/0", lambda _: b"?"),
    "wrong partial tile": ("chain/1/tile/0/000.p/7", lambda _: bytes(7 * 32)),
    "wrong partial bundle": ("chain/1/tile/entries/000.p/7", lambda _: b"?"),
    "wrong evidence": ("chain/evidence/00.evidence", lambda _: b"?"),
}


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_file_is_a_fault(tmp_path: Path, stray: str) -> None:
    path, make = STRAYS[stray]
    write(tmp_path, NETWORK.published | {path: make(NETWORK)})

    assert [path] == list(check(tmp_path).faults)


def test_what_an_earlier_checkpoint_needed_is_no_fault(tmp_path: Path) -> None:
    earlier = network_of(100).published

    write(tmp_path, NETWORK.published | {"chain/1/tile/0/000.p/99": _cut(99)})

    assert earlier
    assert check(tmp_path).faults == {}


def _cut(width: int) -> bytes:
    return NETWORK.published["chain/1/tile/0/000"][: width * 32]


def test_files_beyond_the_checkpoint_are_ahead(tmp_path: Path) -> None:
    network = network_of(300)
    old = network.published[CHECKPOINT]
    before = dict(network.published)
    block = network.block()
    network.publish()
    write(tmp_path, network.published | {CHECKPOINT: old})

    # A body that nothing names yet is young when its file is.
    found = audit(tmp_path, network.pinned, 0)

    assert found.faults == {}
    assert set(found.ahead) == network.published.keys() - before.keys()
    assert any(block.commit.hex() in path for path in found.ahead)


def test_an_old_body_that_nothing_names_is_a_fault(tmp_path: Path) -> None:
    path = f"chain/1/body/{'00' * 32}"
    write(tmp_path, NETWORK.published | {path: b"left over"})

    found = audit(tmp_path, NETWORK.pinned, 2**33)

    assert "named by nothing" in found.faults[path]


def test_an_empty_folder_says_what_is_missing(tmp_path: Path) -> None:
    assert check(tmp_path).faults == {CHECKPOINT: "missing", "chain/shards": "missing"}
