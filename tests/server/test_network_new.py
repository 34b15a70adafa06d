"""A new network is complete, private and consistent."""

from pathlib import Path

import pytest

from cosignal.protocol.errors import RefusedError, UsageError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.policy import parse_policy
from cosignal.protocol.record_kinds import ConfigurationRecord, PolicyRecord
from cosignal.protocol.records import parse_record, verify_record
from cosignal.server.config import load_config
from cosignal.server.keyring import load_keyring, load_trust
from cosignal.server.network import NetworkPlan, write_network
from tests.strategies import counted_entropy

PLAN = NetworkPlan.on_loopback("test.cosignal.example", [9001, 9002, 9003, 9004])


def test_every_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_network(tmp_path / "network", PLAN, counted_entropy())

    secrets = list((tmp_path / "network").rglob("*.key"))

    assert len(secrets) == 4 * 6 + 1
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_the_genesis_record_is_signed_by_all_and_embeds_the_policy(
    tmp_path: Path,
) -> None:
    write_network(tmp_path / "network", PLAN, counted_entropy())

    record = verify_record(
        parse_record((tmp_path / "network" / "genesis").read_bytes()), None
    )

    assert isinstance(record, PolicyRecord)
    assert record.pinned_text() == (tmp_path / "network" / "policy").read_bytes()
    assert (record.version, record.minimum, record.retention) == (1, 50, 14 * 86400)
    assert record.quorum == 3
    assert len({issuer.region for issuer in record.issuers}) == 4


def test_the_first_configuration_is_signed_by_all_and_named_to_the_sequencer(
    tmp_path: Path,
) -> None:
    configs = write_network(tmp_path / "network", PLAN, counted_entropy())
    signed = parse_record((tmp_path / "network" / "configuration").read_bytes())
    trust = [load_trust(load_config(path)) for path in configs]

    record = verify_record(signed, trust[0].record)

    assert record == ConfigurationRecord(PLAN.network, 1, ExposureConfiguration())
    assert len(signed.note.signatures) == 4
    assert [item.configuration for item in trust] == [signed.data, None, None, None]


def test_the_policy_names_each_nodes_url_and_the_sequencers(tmp_path: Path) -> None:
    write_network(tmp_path / "network", PLAN, counted_entropy())

    policy = parse_policy((tmp_path / "network" / "policy").read_bytes())

    assert [item.url for item in policy.witnesses] == list(PLAN.urls)
    assert [item.url for item in policy.logs] == [PLAN.urls[0]]


def test_only_the_first_node_holds_the_log_key(tmp_path: Path) -> None:
    configs = [
        load_config(path)
        for path in write_network(tmp_path / "network", PLAN, counted_entropy())
    ]

    assert [config.keys.log is not None for config in configs] == [
        True,
        False,
        False,
        False,
    ]


def test_no_secret_is_in_a_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    configs = write_network(folder, PLAN, counted_entropy())

    text = "".join(path.read_text() for path in configs)

    assert all(key.read_text().strip() not in text for key in folder.rglob("*.key"))


def test_a_folder_with_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("old")

    with pytest.raises(RefusedError, match="new or empty"):
        write_network(tmp_path, PLAN, counted_entropy())

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_sixty_five_authorities_are_too_many(tmp_path: Path) -> None:
    plan = NetworkPlan.on_loopback("test.cosignal.example", range(9001, 9066))

    with pytest.raises(UsageError, match="1 to 64"):
        write_network(tmp_path / "network", plan, counted_entropy())


@pytest.mark.parametrize(
    ("stolen", "field"),
    [("issuer", "keys.issuer"), ("cosigner", "keys.cosigner")],
)
def test_another_authoritys_key_is_refused_by_its_field(
    tmp_path: Path, stolen: str, field: str
) -> None:
    first, second, *_ = write_network(tmp_path / "network", PLAN, counted_entropy())
    key = first.parent / "keys" / f"{stolen}.key"
    key.write_bytes((second.parent / "keys" / f"{stolen}.key").read_bytes())
    config = load_config(first)

    with pytest.raises(RefusedError, match=field):
        load_keyring(config, load_trust(config))


@pytest.mark.parametrize("name", ["issuer", "cosigner", "log", "certificate", "codes"])
def test_a_damaged_key_is_refused_by_its_field_and_not_shown(
    tmp_path: Path, name: str
) -> None:
    first = write_network(tmp_path / "network", PLAN, counted_entropy())[0]
    key = first.parent / "keys" / f"{name}.key"
    damaged = key.read_text().strip()[:-9]
    key.write_text(damaged)
    config = load_config(first)

    with pytest.raises(RefusedError, match=rf"keys\.{name}") as caught:
        load_keyring(config, load_trust(config))

    assert damaged[-20:] not in str(caught.value) + caught.value.advice


def test_a_genesis_of_another_network_is_refused(tmp_path: Path) -> None:
    ours = write_network(tmp_path / "ours", PLAN, counted_entropy())[0]
    other = NetworkPlan.on_loopback("other.cosignal.example", [9001])
    write_network(tmp_path / "other", other, counted_entropy("other"))
    genesis = tmp_path / "ours" / "genesis"
    genesis.write_bytes((tmp_path / "other" / "genesis").read_bytes())

    with pytest.raises(RefusedError, match=r"node\.genesis"):
        load_trust(load_config(ours))


def test_a_genesis_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    ours = write_network(tmp_path / "ours", PLAN, counted_entropy())[0]
    genesis = tmp_path / "ours" / "genesis"
    genesis.write_bytes(genesis.read_bytes().replace(b"minimum 50", b"minimum 51"))

    with pytest.raises(RefusedError, match=r"node\.genesis"):
        load_trust(load_config(ours))
