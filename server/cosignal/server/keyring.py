"""Load a node's secrets, and refuse keys that the policy does not know.

What this module guarantees:

* Every key is read once, at the start, from a file that only the owner can read.
* A key of another authority, of another network or of the wrong kind is refused by
  the name of its configuration field, not by a signature nobody accepts later.
"""

from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cosignal.protocol.errors import CosignalError, MalformedError, RefusedError
from cosignal.protocol.keys import SignerKey, parse_signer_key
from cosignal.protocol.policy import Policy, parse_policy
from cosignal.protocol.record_kinds import ConfigurationRecord, PolicyRecord
from cosignal.protocol.records import parse_record, verify_record
from cosignal.server.config import Config, read_secret
from cosignal.server.known_policies import newest_policy

CODES_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a node believes from the start.

    Attributes:
        policy: The pinned tlog-policy.
        genesis: Record 0 of shard 1, byte for byte.
        record: What it says: the network's first policy.
        configuration: The record that the log continues with; None where the network
            has no configuration yet, or this node need not know.
    """

    policy: Policy
    genesis: bytes
    record: PolicyRecord
    configuration: bytes | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """A node's secrets; none is ever shown.

    Attributes:
        issuer: Signs records and receipts.
        cosigner: Signs checkpoints.
        log: Signs the log's checkpoints; only on the sequencer.
        certificate: Signs verification certificates, P-256.
        codes: Secret under which codes are stored, 32 bytes.
    """

    issuer: SignerKey = field(repr=False)
    cosigner: SignerKey = field(repr=False)
    log: SignerKey | None = field(repr=False)
    certificate: ec.EllipticCurvePrivateKey = field(repr=False)
    codes: bytes = field(repr=False)


def load_trust(config: Config) -> Trust:
    """Read the pinned policy and the records that the network begins with.

    Args:
        config: The node's configuration.

    Returns:
        All, checked against each other.

    Raises:
        RefusedError: A file is malformed, unsigned, or of another network.
    """
    founding = load_founding(config)
    configuration = _first_configuration(config, founding.record)
    return replace(founding, configuration=configuration)


def load_founding(config: Config) -> Trust:
    """Read the pinned policy and the policy record that it stands for, alone.

    Raises:
        RefusedError: A file is malformed, unsigned, or of another network.
    """
    genesis = config.node.genesis.read_bytes()
    try:
        policy = parse_policy(config.node.policy.read_bytes())
    except MalformedError as error:
        raise _refused("node.policy", error) from error
    try:
        record = verify_record(parse_record(genesis), None)
    except CosignalError as error:
        raise _refused("node.genesis", error) from error
    if not isinstance(record, PolicyRecord):
        raise RefusedError(
            "node.genesis: expected a policy record, got another kind",
            advice="Copy the file `genesis` that all authorities signed.",
        )
    _match("node.genesis: network", config.node.network, record.network)
    _match("node.genesis: policy", policy, record.trust)
    return Trust(policy, genesis, record)


def load_keyring(config: Config, trust: Trust) -> Keyring:
    """Read a node's secrets.

    Args:
        config: The node's configuration.
        trust: Whom the network believes.

    Returns:
        The keys.

    Raises:
        RefusedError: A key is missing, malformed, readable by others, or not the one
            that the newest policy known here names for this authority.
    """
    name = config.node.name
    issuer = load_issuer(config)
    cosigner = _signer(config.keys.cosigner, "keys.cosigner")
    log = _signer(config.keys.log, "keys.log") if config.keys.log else None
    policy = newest_policy(config, trust.record)
    member = policy.issuer(name)
    _match("keys.issuer", member and member.key, issuer.verifier)
    witnesses = {item.name: item.key for item in policy.trust.witnesses}
    _match("keys.cosigner", witnesses.get(name), cosigner.verifier)
    if log is not None:
        logs = policy.trust.logs_of(log.name)
        named = log.verifier if log.verifier in [item.key for item in logs] else None
        _match("keys.log", named, log.verifier)
    return Keyring(issuer, cosigner, log, _certificate_key(config), _codes_key(config))


def load_issuer(config: Config) -> SignerKey:
    """Read a node's issuing key alone; whose it is, is for the caller to check.

    Raises:
        RefusedError: The key is missing, malformed or readable by others.
    """
    return _signer(config.keys.issuer, "keys.issuer")


def _first_configuration(config: Config, policy: PolicyRecord) -> bytes | None:
    path, field_name = config.node.configuration, "node.configuration"
    if path is None:
        return None
    data = path.read_bytes()
    try:
        record = verify_record(parse_record(data), policy)
    except CosignalError as error:
        raise _refused(field_name, error) from error
    if not isinstance(record, ConfigurationRecord) or record.version != 1:
        raise RefusedError(
            f"{field_name}: expected configuration version 1, got another record",
            advice="Name the one that the network begins with; later ones come onto "
            "the chain by `cosignal record submit`.",
        )
    _match(f"{field_name}: network", policy.network, record.network)
    return data


def _signer(path: Path, field_name: str) -> SignerKey:
    try:
        return parse_signer_key(read_secret(path, field_name).strip())
    except MalformedError as error:
        raise _refused(field_name, error) from error


def _certificate_key(config: Config) -> ec.EllipticCurvePrivateKey:
    data = read_secret(config.keys.certificate, "keys.certificate")
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        key = None
    if not (
        isinstance(key, ec.EllipticCurvePrivateKey)
        and isinstance(key.curve, ec.SECP256R1)
    ):
        raise RefusedError(
            "keys.certificate: expected a P-256 private key in PEM without a password",
            advice="Make one with `openssl ecparam -name prime256v1 -genkey -noout`.",
        )
    return key


def _codes_key(config: Config) -> bytes:
    data = read_secret(config.keys.codes, "keys.codes")
    try:
        key = b64decode(data.strip(), validate=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != CODES_KEY_BYTES:
        raise RefusedError(
            f"keys.codes: expected {CODES_KEY_BYTES} bytes in base64",
            advice="Make one with `openssl rand -base64 32`.",
        )
    return key


def _match(field_name: str, expected: object, got: object) -> None:
    if expected != got:
        raise RefusedError(
            f"{field_name}: expected what the network's policy says, got another",
            advice="Check that node.name, node.network, the policy and the key files "
            "come from one network and belong to this authority; for a key that only a "
            "later policy names, set node.later_policies.",
        )


def _refused(field_name: str, error: CosignalError) -> RefusedError:
    return RefusedError(
        f"{field_name}: {error}",
        advice=error.advice or f"Restore the file that {field_name} names.",
    )
