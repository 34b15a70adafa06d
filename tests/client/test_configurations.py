import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from cosignal.client.configurations import (
    configuration_in_force,
    configurations,
    prove,
    verify_configuration,
)
from cosignal.client.folders import Folder
from cosignal.client.fsck import audit
from cosignal.client.mirror import mirror
from cosignal.client.paths import configuration_path
from cosignal.client.sources import FolderSource
from cosignal.client.state import encode_state, parse_state
from cosignal.client.verify import check_proof
from cosignal.protocol.errors import (
    ChainRuleError,
    CosignalError,
    InclusionError,
    MalformedError,
    UsageError,
    VerificationError,
)
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.records import ConfigurationRecord, sign_record
from tests.client.followers import opened, snapshot, sync
from tests.network_in_memory import NETWORK, NetworkInMemory

STRICT = ExposureConfiguration(alert_day_score=300)
MILD = ExposureConfiguration(alert_day_score=1800)


@dataclass(frozen=True)
class Alert:
    """What a phone keeps of the parameters that raised an alert."""

    version: int
    shard: str
    index: int


def reconfigured() -> NetworkInMemory:
    """Shard 1: strict, then mild; shard 2: the defaults."""
    network = NetworkInMemory()
    network.configure(STRICT)
    network.block()
    network.configure(MILD)
    network.next_shard()
    network.block(issuer=3)
    network.configure()
    network.publish()
    return network


async def test_a_network_that_sets_none_has_no_configuration_in_force(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()
    await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        assert configuration_in_force(store.state) is None
        assert store.state.chain.configuration is None


async def test_a_store_says_which_configuration_is_in_force_and_where_it_stands(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.configure(STRICT)
    network.publish()
    await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        found = configuration_in_force(store.state)

        assert found is not None
        assert (found.shard, found.index) == ("1", 1)
        assert found.record == ConfigurationRecord(NETWORK, 1, STRICT)
        assert network.entries[1].endswith(b"\n\n" + found.data)
        assert found.record == store.state.chain.configuration


async def test_every_configuration_and_its_place_outlives_restarts_and_shards(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.configure(STRICT)
    network.publish()
    await sync(tmp_path, network)
    network.configure(MILD)
    network.next_shard()
    network.publish()
    await sync(tmp_path, network)
    network.configure()
    network.publish()
    await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        found = configurations(store.state)

    assert [(item.shard, item.index, item.record.version) for item in found] == [
        ("1", 1, 1),
        ("1", 2, 2),
        ("2", 1, 3),
    ]
    assert [item.record.parameters for item in found] == [
        STRICT,
        MILD,
        ExposureConfiguration(),
    ]


async def test_a_state_of_the_version_without_configurations_goes_on(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.block()
    network.publish()
    await sync(tmp_path, network)
    path = tmp_path / ".cosignal/state.json"
    old = json.loads(path.read_bytes())
    del old["configurations"], old["chain"]["configuration"], old["check"]
    path.write_text(
        json.dumps(old | {"version": 1, "chain": old["chain"] | {"version": 1}})
    )
    network.configure(STRICT)
    network.publish()

    synced = await sync(tmp_path, network)

    assert synced.entries == 1
    with opened(tmp_path, network) as store:
        found = configuration_in_force(store.state)
        assert found is not None
        assert found.record.parameters == STRICT
        assert store.state == parse_state(encode_state(store.state), network.pinned)


async def test_a_state_that_lost_its_configurations_is_refused(tmp_path: Path) -> None:
    network = NetworkInMemory()
    network.configure()
    network.publish()
    await sync(tmp_path, network)
    path = tmp_path / ".cosignal/state.json"
    state = json.loads(path.read_bytes())
    path.write_text(json.dumps(state | {"configurations": []}))
    with pytest.raises(MalformedError):
        await sync(tmp_path, network)
    # Whoever can write the file can leave the checksum out as well.
    del state["check"]
    path.write_text(json.dumps(state | {"configurations": []}))

    with pytest.raises(MalformedError, match="expected the one in force"):
        await sync(tmp_path, network)


@pytest.mark.parametrize("version", [2, 3])
async def test_a_refused_configuration_changes_nothing(
    tmp_path: Path, version: int
) -> None:
    network = NetworkInMemory()
    network.configure(STRICT)
    network.publish()
    await sync(tmp_path, network)
    before = snapshot(tmp_path)
    signers = [item.issuer for item in network.members]
    record = ConfigurationRecord(NETWORK, version, MILD)
    network.add(sign_record(record, *signers[: 2 if version == 2 else 4]))
    network.publish()

    with pytest.raises(ChainRuleError, match=r"got 2|got 3"):
        await sync(tmp_path, network)

    state = ".cosignal/state.json"
    assert before[state] == snapshot(tmp_path)[state]


async def test_an_alerts_configuration_is_proved_offline_years_later(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.configure(STRICT)
    network.block()
    network.publish()
    await sync(tmp_path, network)
    with opened(tmp_path, network) as store:
        found = configuration_in_force(store.state)
        assert found is not None
        alert = Alert(found.record.version, found.shard, found.index)
    network.configure(MILD)
    network.next_shard()
    network.block(issuer=3)
    network.configure()
    network.publish()
    await sync(tmp_path, network)
    asked = len(network.requests)

    with opened(tmp_path, network) as store:
        made = prove(store, alert.shard, alert.index)
        trust = store.state.chain.trust
    proven = verify_configuration(made.proof, made.entry, trust)

    assert asked == len(network.requests)
    assert Alert(proven.record.version, proven.shard, proven.index) == alert
    assert proven.record.parameters == STRICT


async def test_every_entry_that_a_store_verified_can_be_proved(tmp_path: Path) -> None:
    network = reconfigured()
    await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        trust = store.state.chain.trust
        places = [
            (shard, index)
            for shard, entries in network.histories.items()
            for index in range(len(entries))
        ]
        texts = [item.record.text() for item in configurations(store.state)]
        found = set()
        for shard, index in places:
            made = prove(store, shard, index)
            assert made.entry == network.histories[shard][index]
            if check_proof(made.proof, made.entry, trust).record.text() in texts:
                found.add(verify_configuration(made.proof, made.entry, trust))
            else:
                with pytest.raises(VerificationError, match="another kind"):
                    verify_configuration(made.proof, made.entry, trust)
        assert found == set(configurations(store.state))


async def test_what_a_store_has_not_verified_cannot_be_proved(tmp_path: Path) -> None:
    network = reconfigured()
    await sync(tmp_path, network)

    with opened(tmp_path, network) as store:
        for shard, index in (("3", 0), ("1", -1), ("1", 99), ("2", 3)):
            with pytest.raises(UsageError, match="expected"):
                prove(store, shard, index)


async def test_a_changed_configuration_or_proof_proves_nothing(tmp_path: Path) -> None:
    network = reconfigured()
    await sync(tmp_path, network)
    with opened(tmp_path, network) as store:
        made = prove(store, "1", 1)
        trust = store.state.chain.trust
    harsher = made.entry.replace(b"alert-day-score 300", b"alert-day-score 301")

    with pytest.raises(InclusionError):
        verify_configuration(made.proof, harsher, trust)
    with pytest.raises(CosignalError):
        verify_configuration(
            made.proof.replace(b"index 1", b"index 2"), made.entry, trust
        )


async def test_a_mirror_serves_every_configuration_and_is_audited(
    tmp_path: Path,
) -> None:
    network = reconfigured()
    folder = tmp_path / "mirror"
    with opened(folder, network) as store:
        await mirror(network, store, network.now)

    served = [(folder / configuration_path(version)) for version in (1, 2, 3)]
    assert [path.read_bytes() for path in served] == [
        network.published[configuration_path(version)] for version in (1, 2, 3)
    ]
    assert audit(folder, network.pinned, network.now).faults == {}

    served[0].write_bytes(served[1].read_bytes())
    served[1].unlink()
    (folder / configuration_path(9)).write_bytes(served[2].read_bytes())

    assert audit(folder, network.pinned, network.now).faults == {
        "chain/configuration/1": "is not the record on the chain",
        "chain/configuration/2": "missing",
        "chain/configuration/9": "named by nothing on the chain",
    }
    await sync(tmp_path / "phone", network, source=FolderSource(folder))
    with opened(tmp_path / "phone", network) as store:
        assert len(configurations(store.state)) == 3


async def test_a_mirror_of_earlier_files_gets_the_configurations(
    tmp_path: Path,
) -> None:
    network = NetworkInMemory()
    network.publish()
    with opened(tmp_path, network) as store:
        await mirror(network, store, network.now)
    network.configure()
    network.publish()

    with opened(tmp_path, network) as store:
        await mirror(network, store, network.now)

    data = Folder(tmp_path).read(configuration_path(1))
    assert network.published[configuration_path(1)] == data
