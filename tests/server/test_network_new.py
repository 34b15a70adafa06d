"""A new network is complete, private and consistent."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cosignal.protocol.errors import RefusedError, UsageError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.keys import ALG_ED25519, SignerKey
from cosignal.protocol.policy import parse_policy
from cosignal.protocol.record_kinds import ConfigurationRecord, PolicyRecord
from cosignal.protocol.records import parse_record, sign_record, verify_record
from cosignal.server.config import load_config
from cosignal.server.keyring import load_issuer, load_keyring, load_trust
from cosignal.server.known_policies import newest_policy
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


def later_policy(configs: list[Path]) -> tuple[PolicyRecord, bytes]:
    """Policy 2, which gives authority-1 the key of bytes that count from 0."""
    trust = load_trust(load_config(configs[0]))
    first = trust.record.issuers[0]
    key = SignerKey(first.key.name, ALG_ED25519, bytes(range(32)))
    issuers = (replace(first, key=key.verifier), *trust.record.issuers[1:])
    record = replace(trust.record, version=2, issuers=issuers)
    signers = [load_issuer(load_config(path)) for path in configs]
    return record, sign_record(record, *signers[1:])


def test_a_key_of_a_later_policy_needs_that_policy(tmp_path: Path) -> None:
    configs = write_network(tmp_path / "network", PLAN, counted_entropy())
    _, data = later_policy(configs)
    (tmp_path / "policy-2").write_bytes(data)
    key = SignerKey(
        load_issuer(load_config(configs[0])).name, ALG_ED25519, bytes(range(32))
    )
    old = (configs[0].parent / "keys" / "issuer.key").read_bytes()
    (configs[0].parent / "keys" / "issuer.key").write_text(key.encode())
    with pytest.raises(RefusedError, match=r"keys\.issuer"):
        load_keyring(load_config(configs[0]), load_trust(load_config(configs[0])))

    text = configs[0].read_text()
    line = 'later_policies = ["../../policy-2"]\n[keys]'
    configs[0].write_text(text.replace("[keys]", line))
    config = load_config(configs[0])

    assert load_keyring(config, load_trust(config)).issuer == key
    (configs[0].parent / "keys" / "issuer.key").write_bytes(old)
    with pytest.raises(RefusedError, match=r"keys\.issuer"):
        load_keyring(config, load_trust(config))


def test_a_later_policy_that_does_not_follow_is_refused_by_its_file(
    tmp_path: Path,
) -> None:
    configs = write_network(tmp_path / "network", PLAN, counted_entropy())
    config = load_config(configs[0])
    record, _ = later_policy(configs)
    signers = [load_issuer(load_config(path)) for path in configs]
    path = tmp_path / "later"
    node = msgspec.structs.replace(config.node, later_policies=(path,))
    config = msgspec.structs.replace(config, node=node)
    parameters = ConfigurationRecord(record.network, 2, ExposureConfiguration())
    wrong = [
        b"nonsense",
        sign_record(record, *signers[2:]),
        sign_record(replace(record, version=3), *signers[1:]),
        sign_record(parameters, *signers),
        (tmp_path / "network" / "genesis").read_bytes(),
    ]
    for data in wrong:
        path.write_bytes(data)
        with pytest.raises(RefusedError, match=r"node\.later_policies: later: "):
            load_keyring(config, load_trust(config))


def test_the_public_folder_gives_a_key_only_as_far_as_it_verifies(
    tmp_path: Path,
) -> None:
    configs = write_network(tmp_path / "network", PLAN, counted_entropy())
    config = load_config(configs[0])
    record, data = later_policy(configs)
    folder = config.node.data / "public" / "chain" / "policy"
    folder.mkdir(parents=True)
    first = load_trust(config).record

    (folder / "2").write_bytes(data.replace(b"minimum 50", b"minimum 51"))
    assert newest_policy(config, first) == first
    (folder / "2").write_bytes(data)
    (folder / "3").write_bytes(b"junk")
    assert newest_policy(config, first) == record
