"""A network's configuration on real nodes: founded, ordered, served, followed."""

from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import msgspec
import pytest

from cosignal.client.configurations import (
    configuration_in_force,
    configurations,
    verify_configuration,
)
from cosignal.client.folders import Folder
from cosignal.client.follower import Follower
from cosignal.client.fsck import audit
from cosignal.client.mirror import mirror
from cosignal.client.paths import configuration_path, proof_path
from cosignal.client.sources import HttpSource
from cosignal.client.store import Store
from cosignal.client.verify import fetch_entry
from cosignal.protocol.errors import ChainRuleError, QuorumError, RefusedError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.keys import SignerKey
from cosignal.protocol.records import ConfigurationRecord, sign_record
from cosignal.server.config import load_config
from cosignal.server.keyring import load_issuer, load_trust
from tests.server.authorities import (
    NETWORK,
    Authorities,
    authorities,
    some_keys,
    until,
)
from tests.server.test_sequencer import sequencer_of
from tests.strategies import NOW

STRICT = ExposureConfiguration(alert_day_score=300)


def issuers_of(network: Authorities) -> list[SignerKey]:
    return [load_issuer(config) for config in network.configs]


def configuration(
    network: Authorities,
    version: int,
    signers: int = 4,
    parameters: ExposureConfiguration = STRICT,
) -> bytes:
    record = ConfigurationRecord(NETWORK, version, parameters)
    return sign_record(record, *issuers_of(network)[:signers])


async def test_a_new_network_begins_with_policy_and_configuration(
    network: Authorities,
) -> None:
    signed = (network.folder / "configuration").read_bytes()
    with Store(Folder(network.folder / "phone"), network.policy) as store:
        async with HttpSource(network.url(3)) as source:
            await Follower(store, source).sync(NOW)
        found = configurations(store.state)

    assert [(item.shard, item.index, item.data) for item in found] == [("1", 1, signed)]
    assert found[0].record == ConfigurationRecord(NETWORK, 1, ExposureConfiguration())


async def test_a_network_founded_without_a_configuration_works_as_before(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path, configured=False) as network:
        await network.start_all()
        await network.publish(2, some_keys(10))
        await network.reach(2)
        for path in ("chain/configuration", configuration_path(1)):
            status, data, _ = await network.get(2, path)
            assert status == HTTPStatus.NOT_FOUND
            assert b"no such configuration" in data
        with Store(Folder(tmp_path / "phone"), network.policy) as store:
            async with HttpSource(network.url(3)) as source:
                await Follower(store, source).sync(NOW)
            assert configuration_in_force(store.state) is None

        ordered = await sequencer_of(network).submit(configuration(network, 1), b"")
        await network.reach(3)

        assert ordered.index == 2
        status, data, _ = await network.get(2, "chain/configuration")
        assert (status, data) == (HTTPStatus.OK, configuration(network, 1))


async def test_a_configuration_that_a_crash_kept_back_is_ordered_at_the_next_start(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path, 1) as network:
        whole = network.configs[0]
        bare = msgspec.structs.replace(whole.node, configuration=None)
        network.configs[0] = msgspec.structs.replace(whole, node=bare)
        await network.start(1)
        await network.reach(1)
        assert sequencer_of(network).log.size == 1
        await network.stop(1)

        network.configs[0] = whole
        await network.start(1)
        await network.reach(2)
        await network.stop(1)
        await network.start(1)
        await network.publish(1, some_keys(10))
        await network.reach(3)

        entries = await network.ledger(1).holdings.tree.entries(0, 9)
        signed = (network.folder / "configuration").read_bytes()
        assert [signed in entry for entry in entries] == [False, True, False]


async def test_the_first_configuration_does_not_come_back_after_a_newer_one(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path, 1) as network:
        await network.start_all()
        await sequencer_of(network).submit(configuration(network, 2, 1), b"")
        await network.reach(3)
        await network.stop(1)

        await network.start(1)
        await network.publish(1, some_keys(10))
        await network.reach(4)

        in_force = sequencer_of(network).log.chain.configuration
        assert in_force == ConfigurationRecord(NETWORK, 2, STRICT)


async def test_a_configuration_that_the_policy_in_force_refuses_stops_nothing(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path, 1) as network:
        whole = network.configs[0]
        bare = msgspec.structs.replace(whole.node, configuration=None)
        network.configs[0] = msgspec.structs.replace(whole, node=bare)
        await network.start(1)
        await network.reach(1)
        old = network.ledger(1).policy
        assert old is not None
        (issuer,) = issuers_of(network)
        other = replace(issuer, seed=bytes(32))
        changed = replace(
            old,
            version=2,
            issuers=(replace(old.issuers[0], key=other.verifier),),
        )
        await sequencer_of(network).submit(sign_record(changed, issuer, other), b"")
        await network.reach(2)
        await network.stop(1)

        network.configs[0] = whole
        whole.keys.issuer.write_text(other.encode())
        await network.start(1)
        await network.ready(1)

        await until(sequencer_of(network).ready.is_set)
        assert sequencer_of(network).log.chain.configuration is None
        assert network.ledger(1).status().problems == ()


async def test_configurations_are_served_as_they_were_signed(
    network: Authorities,
) -> None:
    first = (network.folder / "configuration").read_bytes()
    second = configuration(network, 2, 3)
    await sequencer_of(network).submit(second, b"")
    await network.reach(3)

    for number in (1, 2, 3, 4):
        newest = await network.get(number, "chain/configuration")
        versions = [
            await network.get(number, configuration_path(version)) for version in (1, 2)
        ]
        assert newest[1] == second
        assert newest[2]["Cache-Control"] == "public, max-age=2"
        assert [data for _, data, _ in versions] == [first, second]
        assert "immutable" in versions[0][2]["Cache-Control"]
        public = network.public(number)
        assert (public / configuration_path(2)).read_bytes() == second
        assert audit(public, network.policy, NOW).faults == {}


async def test_what_the_rules_refuse_is_not_ordered(network: Authorities) -> None:
    sequencer = sequencer_of(network)
    other = ConfigurationRecord("other.example", 2, STRICT)

    with pytest.raises(QuorumError, match="expected 3 of 4"):
        await sequencer.submit(configuration(network, 2, 2), b"")
    for version in (1, 3):
        with pytest.raises(ChainRuleError, match=f"expected 2, got {version}"):
            await sequencer.submit(configuration(network, version), b"")
    with pytest.raises(ChainRuleError, match="network"):
        await sequencer.submit(sign_record(other, *issuers_of(network)), b"")
    assert sequencer.log.size == 2


async def test_of_two_next_versions_at_once_one_is_ordered(
    network: Authorities,
) -> None:
    sequencer = sequencer_of(network)
    milder = ExposureConfiguration(alert_day_score=1800)
    rival = configuration(network, 2, parameters=milder)
    await sequencer.submit(configuration(network, 2), b"")

    with pytest.raises(ChainRuleError, match="expected 3, got 2"):
        await sequencer.submit(rival, b"")

    await network.reach(3)
    in_force = network.ledger(4).cosigner.own.chain.configuration
    assert in_force == ConfigurationRecord(NETWORK, 2, STRICT)


async def test_an_alerts_configuration_is_proved_by_what_a_node_serves(
    network: Authorities,
) -> None:
    with Store(Folder(network.folder / "phone"), network.policy) as store:
        async with HttpSource(network.url(3)) as source:
            await Follower(store, source).sync(NOW)
            alert = configuration_in_force(store.state)
    assert alert is not None
    await sequencer_of(network).submit(configuration(network, 2), b"")
    await network.reach(3)

    async with HttpSource(network.url(2)) as source:
        proof = await source.get(proof_path(alert.shard, alert.index))
        entry = await fetch_entry(source, proof)
    proven = verify_configuration(proof, entry, network.policy)

    assert proven == alert


async def test_a_mirror_of_a_node_has_its_configurations(
    network: Authorities, tmp_path: Path
) -> None:
    await sequencer_of(network).submit(configuration(network, 2), b"")
    await network.reach(3)

    with Store(Folder(tmp_path / "mirror"), network.policy) as store:
        async with HttpSource(network.url(4)) as source:
            await mirror(source, store, NOW)

    for version in (1, 2):
        path = configuration_path(version)
        mirrored = (tmp_path / "mirror" / path).read_bytes()
        assert mirrored == (network.public(1) / path).read_bytes()
    assert audit(tmp_path / "mirror", network.policy, NOW).faults == {}


async def test_files_beyond_the_checkpoint_are_no_fault(node: Authorities) -> None:
    public = node.public(1)
    second, third = (configuration(node, version) for version in (2, 3))
    (public / configuration_path(2)).write_bytes(second)
    (public / configuration_path(3)).write_bytes(third)
    (public / configuration_path(4)).write_bytes(third)
    (public / configuration_path(5)).write_bytes(
        configuration(node, 5).replace(b"score 300", b"score 301")
    )

    found = audit(public, node.policy, NOW)

    assert found.ahead == (configuration_path(2), configuration_path(3))
    assert found.faults == {
        configuration_path(4): "named by nothing on the chain",
        configuration_path(5): "named by nothing on the chain",
    }


async def test_a_founding_configuration_must_be_the_first_and_of_the_network(
    tmp_path: Path,
) -> None:
    async with authorities(tmp_path) as network:
        path = network.folder / "configuration"
        other = ConfigurationRecord("other.example", 1, STRICT)
        genesis = (network.folder / "genesis").read_bytes()
        cases = [
            (configuration(network, 2), "expected configuration version 1"),
            (configuration(network, 1, 2), "expected 3 of 4 members"),
            (sign_record(other, *issuers_of(network)), "network: expected"),
            (genesis, "expected configuration version 1"),
            (b"", "record|note"),
        ]
        for data, problem in cases:
            path.write_bytes(data)
            with pytest.raises(RefusedError, match=problem) as caught:
                load_trust(network.config(1))
            assert "node.configuration" in str(caught.value)
            assert caught.value.advice
        path.unlink()
        with pytest.raises(RefusedError, match=r"node\.configuration: expected a file"):
            load_config(network.folder / "authority-1" / "config.toml")
