"""Found a network: keys, pinned policy, first records, one folder a node.

What this module guarantees:

* Secrets are written once, into files that only their owner can read.
* The folder appears whole or not at all, and an existing one is never touched.

For a trial or a demo one machine makes all keys. Authorities that do not trust each
other make their own keys and exchange the public halves, as
docs/how-to/run-an-authority.md says.
"""

import json
import os
import shutil
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from cosignal.protocol.errors import RefusedError, UsageError
from cosignal.protocol.exposure.configuration import ExposureConfiguration
from cosignal.protocol.keys import ALG_COSIGNATURE, ALG_ED25519, SignerKey
from cosignal.protocol.policy import Log, Witness, authorities_policy
from cosignal.protocol.record_kinds import (
    ONSET_CLASS,
    ConfigurationRecord,
    Issuer,
    PolicyRecord,
)
from cosignal.protocol.records import sign_record
from cosignal.server.clock import Entropy

FIRST_SHARD = "1"
MAX_AUTHORITIES = 64
DAY_SECONDS = 86_400
SECRET_BYTES = 32
# Forty bytes make the remainder by the curve's order unbiased for all purposes.
_SCALAR_BYTES = 40
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """What a new network is to be.

    Attributes:
        network: Its name, for example `demo.cosignal.example`.
        urls: Base URL of each authority's node; the first one sequences.
        listen: Address and port on which each node listens.
        retention_days: How long bodies live.
        minimum: Fewest keys in a block.
        seal_seconds: Time between blocks.
        parameters: What phones weigh by at the start; None to found a network without
            a configuration, whose phones raise no alerts until there is one.
    """

    network: str
    urls: tuple[str, ...]
    listen: tuple[str, ...]
    retention_days: int = 14
    minimum: int = 50
    seal_seconds: int = 60
    parameters: ExposureConfiguration | None = field(
        default_factory=ExposureConfiguration
    )

    @classmethod
    def on_loopback(
        cls,
        network: str,
        ports: Sequence[int],
        *,
        retention_days: int = 14,
        minimum: int = 50,
        seal_seconds: int = 60,
    ) -> "NetworkPlan":
        """Plan a network whose nodes all run on this machine, one on each port."""
        hosts = tuple(f"127.0.0.1:{port}" for port in ports)
        urls = tuple(f"http://{host}" for host in hosts)
        return cls(network, urls, hosts, retention_days, minimum, seal_seconds)


@dataclass(frozen=True, slots=True)
class _Authority:
    name: str
    issuer: SignerKey
    cosigner: SignerKey


def write_network(folder: Path, plan: NetworkPlan, entropy: Entropy) -> list[Path]:
    """Write a new network's folder.

    Args:
        folder: Must not exist, or be empty.
        plan: What to found.
        entropy: Gives random bytes.

    Returns:
        The configuration file of each node.

    Raises:
        RefusedError: The folder holds something already.
        UsageError: Fewer than 1 or more than 64 authorities.
    """
    if not 1 <= len(plan.urls) <= MAX_AUTHORITIES:
        raise UsageError(
            f"authorities: expected 1 to {MAX_AUTHORITIES}, got {len(plan.urls)}"
        )
    if folder.exists() and any(folder.iterdir()):
        raise RefusedError(
            f"folder: expected {folder} to be new or empty, got one with files",
            advice="Name another folder; keys are never overwritten.",
        )
    draft = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)  # left by a crash; nobody uses it
    _write(draft, plan, entropy)
    if folder.exists():
        folder.rmdir()
    draft.rename(folder)
    names = _names(plan)
    return [folder / name / "config.toml" for name in names]


def _names(plan: NetworkPlan) -> list[str]:
    return [f"authority-{number}" for number in range(1, len(plan.urls) + 1)]


def _write(folder: Path, plan: NetworkPlan, entropy: Entropy) -> None:
    origin = f"{plan.network}/{FIRST_SHARD}"
    log = SignerKey(origin, ALG_ED25519, entropy(SECRET_BYTES))
    authorities = [_make_authority(name, plan, entropy) for name in _names(plan)]
    witnesses = [
        Witness(item.name, item.cosigner.verifier, url)
        for item, url in zip(authorities, plan.urls, strict=True)
    ]
    policy = authorities_policy(Log(log.verifier, plan.urls[0]), witnesses)
    first = _first_policy(plan, authorities, policy)
    issuers = [item.issuer for item in authorities]
    folder.mkdir(parents=True)
    (folder / "policy").write_bytes(first.pinned_text())
    (folder / "genesis").write_bytes(sign_record(first, *issuers))
    if plan.parameters is not None:
        configuration = ConfigurationRecord(plan.network, 1, plan.parameters)
        signed = sign_record(configuration, *issuers)
        (folder / "configuration").write_bytes(signed)
    for number, authority in enumerate(authorities):
        _write_node(
            folder / authority.name,
            plan,
            number,
            authority,
            log=log if number == 0 else None,
            entropy=entropy,
        )


def _make_authority(name: str, plan: NetworkPlan, entropy: Entropy) -> _Authority:
    full = f"{name}.{plan.network}"
    return _Authority(
        name,
        SignerKey(f"{full}/issuer", ALG_ED25519, entropy(SECRET_BYTES)),
        SignerKey(full, ALG_COSIGNATURE, entropy(SECRET_BYTES)),
    )


def _first_policy(
    plan: NetworkPlan, authorities: Sequence[_Authority], policy: bytes
) -> PolicyRecord:
    return PolicyRecord(
        network=plan.network,
        version=1,
        onset=ONSET_CLASS,
        minimum=plan.minimum,
        retention=plan.retention_days * DAY_SECONDS,
        issuers=tuple(
            Issuer(item.name, f"R{number}", item.issuer.verifier)
            for number, item in enumerate(authorities, start=1)
        ),
        trust_text=policy.decode(),
    )


def _write_node(
    folder: Path,
    plan: NetworkPlan,
    number: int,
    authority: _Authority,
    *,
    log: SignerKey | None,
    entropy: Entropy,
) -> None:
    for place in (folder, folder / "keys", folder / "api-keys"):
        place.mkdir(mode=0o700)
    keys = {
        "issuer": authority.issuer.encode().encode(),
        "cosigner": authority.cosigner.encode().encode(),
        "certificate": _certificate_key(entropy),
        "codes": b64encode(entropy(SECRET_BYTES)),
    }
    if log is not None:
        keys["log"] = log.encode().encode()
    for name, data in keys.items():
        _write_secret(folder / "keys" / f"{name}.key", data)
    digests = {}
    for audience in ("device", "issuing"):
        text = urlsafe_b64encode(entropy(SECRET_BYTES)).rstrip(b"=")
        _write_secret(folder / "api-keys" / f"{audience}.key", text)
        digests[audience] = sha256(text).hexdigest()
    config = _config(plan, number, authority.name, list(keys), digests)
    (folder / "config.toml").write_text(config)


def _certificate_key(entropy: Entropy) -> bytes:
    scalar = 1 + int.from_bytes(entropy(_SCALAR_BYTES)) % (_P256_ORDER - 1)
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_secret(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data.strip() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _config(
    plan: NetworkPlan,
    number: int,
    name: str,
    keys: Sequence[str],
    digests: dict[str, str],
) -> str:
    node: dict[str, object] = {
        "name": name,
        "network": plan.network,
        "listen": plan.listen[number],
        "url": plan.urls[number],
        "data": "data",
        "policy": "../policy",
        "genesis": "../genesis",
    }
    if number == 0 and plan.parameters is not None:
        node["configuration"] = "../configuration"
    tables: list[tuple[str, dict[str, object]]] = [
        ("[node]", node),
        ("[keys]", {key: f"keys/{key}.key" for key in keys}),
        ("[intake]", {"health_authority_id": f"{name}.{plan.network}"}),
        ("[sealing]", {"interval_seconds": plan.seal_seconds}),
    ]
    tables += [
        ("[[api_keys]]", {"name": audience, "audience": audience, "sha256": digest})
        for audience, digest in digests.items()
    ]
    return "\n".join(
        # JSON's strings and numbers are TOML's as well.
        "".join([head, "\n", *(f"{k} = {json.dumps(v)}\n" for k, v in rows.items())])
        for head, rows in tables
    )
