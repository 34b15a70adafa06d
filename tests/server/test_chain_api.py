"""What phones and mirrors read over HTTP."""

from http import HTTPStatus

import pytest

from cosignal.protocol.checkpoints import verify_checkpoint
from cosignal.protocol.merkle import leaf_hash
from cosignal.protocol.proofs import parse_proof, verify_proof
from cosignal.protocol.records import PolicyRecord, parse_record, verify_record
from cosignal.protocol.tiles import parse_entry_bundle, parse_tile
from tests.server.authorities import Authorities, some_keys

IMMUTABLE = "public, max-age=31536000, immutable"
TEXT = "text/plain; charset=utf-8"


async def entries_of(node: Authorities, size: int) -> list[bytes]:
    _, data, _ = await node.get(1, f"chain/1/tile/entries/000.p/{size}")
    return parse_entry_bundle(data, size)


async def test_a_checkpoint_is_text_for_a_moment(node: Authorities) -> None:
    status, data, headers = await node.get(1, "chain/1/checkpoint")

    assert status == HTTPStatus.OK
    assert verify_checkpoint(data, node.policy).checkpoint.size == 2
    assert headers["Content-Type"] == TEXT
    assert headers["Cache-Control"] == "public, max-age=2"


async def test_tiles_and_bundles_are_immutable(node: Authorities) -> None:
    await node.publish(1, some_keys(5))
    await node.reach(3)

    _, tile, headers = await node.get(1, "chain/1/tile/0/000.p/3")
    entries = await entries_of(node, 3)

    assert parse_tile(tile, 3) == [leaf_hash(entry) for entry in entries]
    assert headers["Cache-Control"] == IMMUTABLE
    assert headers["Content-Type"] == "application/octet-stream"


async def test_the_public_folder_holds_the_same_files_as_the_node_serves(
    node: Authorities,
) -> None:
    await node.publish(1, some_keys(5))
    await node.reach(3)
    folder = node.public(1)

    paths = [path for path in (folder / "chain" / "1").rglob("*") if path.is_file()]
    assert len(paths) >= 6
    for path in paths:
        status, data, _ = await node.get(1, str(path.relative_to(folder)))
        assert (status, data) == (HTTPStatus.OK, path.read_bytes())


async def test_what_a_reader_has_already_is_not_sent_again(node: Authorities) -> None:
    commit = await node.publish(1, some_keys(5))
    await node.reach(3)
    paths = (
        "chain/1/checkpoint",
        "chain/1/tile/0/000.p/3",
        "chain/1/tile/entries/000.p/3",
        f"chain/1/body/{commit.hex()}",
        "chain/1/proof/2",
        "chain/shards",
        "chain/policy",
        "chain/policy/1",
        "chain/configuration",
        "chain/configuration/1",
        "chain/evidence/",
    )

    for path in paths:
        status, data, headers = await node.get(1, path)
        assert status == HTTPStatus.OK, path
        tag = headers["ETag"]
        again = await node.get(1, path, **{"If-None-Match": tag})
        other = await node.get(1, path, **{"If-None-Match": '"another"'})
        assert (again[0], again[1], again[2]["ETag"]) == (304, b"", tag), path
        assert (other[0], other[1]) == (HTTPStatus.OK, data), path
        assert "Set-Cookie" not in headers


async def test_a_proof_convinces_who_holds_only_the_policy(node: Authorities) -> None:
    await node.publish(1, some_keys(5))
    await node.reach(3)
    entries = await entries_of(node, 3)

    for index, entry in enumerate(entries):
        _, data, _ = await node.get(1, f"chain/1/proof/{index}")
        certified = verify_proof(parse_proof(data), entry, node.policy)
        assert certified.checkpoint.size == 3


async def test_policies_are_served_as_they_were_signed(node: Authorities) -> None:
    _, newest, _ = await node.get(1, "chain/policy")
    _, first, headers = await node.get(1, "chain/policy/1")

    assert newest == first == (node.folder / "genesis").read_bytes()
    record = verify_record(parse_record(first), None)
    assert isinstance(record, PolicyRecord)
    assert record.trust == node.policy
    assert headers["Cache-Control"] == IMMUTABLE
    assert (await node.get(1, "chain/shards"))[1] == b"1\n"


@pytest.mark.parametrize(
    "path",
    [
        "chain/2/checkpoint",
        "chain/1/tile/0/000",
        "chain/1/tile/0/000.p/256",
        "chain/1/tile/0/0",
        "chain/1/tile/64/000",
        "chain/1/tile/entries/..%2f..%2fcheckpoint",
        "chain/1/tile/../../../node.sqlite",
        "chain/1/body/" + "0" * 64,
        "chain/1/body/" + "g" * 64,
        "chain/1/proof/2",
        "chain/1/proof/01",
        "chain/policy/2",
        "chain/policy/0",
        "chain/configuration/2",
        "chain/configuration/0",
        "chain/evidence/" + "0" * 64 + ".evidence",
    ],
)
async def test_what_does_not_exist_is_a_problem_with_advice(
    node: Authorities, path: str
) -> None:
    status, data, headers = await node.get(1, path)

    assert status == HTTPStatus.NOT_FOUND
    assert headers["Content-Type"].startswith("application/problem+json")
    assert b"sqlite" not in data


async def test_a_body_is_kept_no_longer_than_it_lives(node: Authorities) -> None:
    commit = await node.publish(1, some_keys(5))
    await node.reach(3)

    _, _, headers = await node.get(1, f"chain/1/body/{commit.hex()}")

    life = 14 * 86_400 - 300
    assert headers["Cache-Control"] == f"public, max-age={life}, immutable"
