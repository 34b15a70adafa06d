"""Read a node's configuration from one TOML file; refuse, never guess.

What this module guarantees:

* An unknown, missing or misspelt key is refused by its name, with the fix.
* Secrets are named by path only; a secret that others can read is refused.
* A `Config` never changes, and every path in it is absolute.

Each field's comment says what it means, its unit, its default, and a trust sentence:
what somebody gains who may choose it. `docs/reference/configuration.md` repeats them.
"""

import re
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from cosignal.protocol.errors import RefusedError

Positive = Annotated[int, msgspec.Meta(ge=1)]
NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
Name = Annotated[str, msgspec.Meta(pattern=NAME)]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Listen = Annotated[str, msgspec.Meta(pattern=r"^(\[[0-9a-f:]+\]|[^:]+):\d{1,5}$")]
BaseUrl = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/]+$")]
MAX_PORT = 65_535
DEVICE = "device"
ISSUING = "issuing"


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: every key is known, none changes."""


class Node(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[node]`: who this node is and where it lives."""

    #: Name of the authority. Required. Its keys prove it; the name alone gives nothing.
    name: Name
    #: Name of the network. Required. Part of every signed text; a wrong one is
    #: refused by everybody else.
    network: Name
    #: Base URL by which phones and other nodes reach this one. Required. Whoever
    #: chooses it can delay this node, not forge for it.
    url: BaseUrl
    #: Folder of database and public files. Required. Who can change the database can
    #: make this node sign a second history; the public files are not trusted.
    data: Path
    #: File of the pinned C2SP tlog-policy. Required. Who can write it decides whom
    #: this node believes.
    policy: Path
    #: File of the first policy record, as all authorities signed it. Required. It is
    #: checked against `policy`, so it can only be missing, not false.
    genesis: Path
    #: File of the first configuration record, as a quorum signed it. Default none.
    #: Only the node that sequences needs it, to order it once, after the genesis. It
    #: is checked against `genesis`; who can write it can withhold it.
    configuration: Path | None = None
    #: Files of the policy records after the first, oldest first. Default none. Only
    #: a node needs them whose keys stand in a later policy and whose data folder does
    #: not hold it. Each is checked against the one before.
    later_policies: tuple[Path, ...] = ()
    #: Address and port to listen on. Default loopback only. Opening it further shows
    #: the issuing API to that network.
    listen: Listen = "127.0.0.1:8081"

    @property
    def host(self) -> str:
        """Address of `listen`, without the port."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Port of `listen`; 0 means any free one."""
        return int(self.listen.rpartition(":")[2])


class Keys(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[keys]`: files of secrets, readable by the node's user only."""

    #: Ed25519 key of this authority's records and receipts. Required. Its holder can
    #: publish keys of people who were never diagnosed.
    issuer: Path
    #: Ed25519 key of its co-signatures. Required. Its holder counts as this authority
    #: in every quorum.
    cosigner: Path
    #: P-256 key of verification certificates, PEM. Required. Its holder can upload
    #: without a code.
    certificate: Path
    #: Secret under which codes are stored, 32 bytes in base64. Required. With it and
    #: the database, unused short codes can be searched for.
    codes: Path
    #: Ed25519 key of the log. Only on the node that sequences; naming it makes this
    #: node the sequencer. Its holder can stall the chain, not fork it.
    log: Path | None = None


class Tls(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[tls]`: serve HTTPS; without it HTTP, for loopback or behind a proxy."""

    #: Certificate chain, PEM. Required. Public.
    certificate: Path
    #: Its private key, PEM. Required. Its holder can read uploads on the way.
    key: Path


class Intake(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[intake]`: codes, certificates and uploads."""

    #: `aud` of certificates. Default Google's. A constant between app and server.
    audience: str = "exposure-notifications-server"
    #: The health authority id that apps send, and `iss` of certificates. Required.
    #: Public; it gives nothing.
    health_authority_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    #: Digits of a short code. Default 8. Fewer are refused: the throttle would leave
    #: people hardly an attempt.
    short_code_digits: Annotated[int, msgspec.Meta(ge=8, le=12)] = 8
    #: Life of a short code, minutes. Default 15. Longer gives a thief more time.
    short_code_minutes: Annotated[int, msgspec.Meta(ge=1, le=60)] = 15
    #: Life of a long code, hours. Default 24. Longer gives a thief more time.
    long_code_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 24
    #: Life of a certificate, minutes. Default 15. It is bound to its keys, so a thief
    #: can only upload what its owner would.
    certificate_minutes: Annotated[int, msgspec.Meta(ge=1, le=60)] = 15
    #: How long a key is held after its end, minutes. Default 120, and never less: a
    #: published key that is still valid could be replayed.
    hold_minutes: Annotated[int, msgspec.Meta(ge=120, le=1440)] = 120
    #: Largest request body, bytes. Default 64,000. More lets one sender fill memory.
    max_body_bytes: Annotated[int, msgspec.Meta(ge=8_000, le=1_000_000)] = 64_000


class Sealing(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[sealing]`: when blocks are made. How large they are is the network's policy."""

    #: Time between blocks, seconds. Default 60. Shorter means more dummy keys.
    interval_seconds: Positive = 60


class LedgerSettings(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[ledger]`: the chain and the other authorities."""

    #: How long one authority may take to co-sign, seconds. Default 10.
    cosign_timeout_seconds: Positive = 10
    #: An idle chain is signed again after this many seconds. Default 3,600. More than
    #: a day makes phones believe that somebody withholds news.
    resign_seconds: Annotated[int, msgspec.Meta(ge=1, le=43_200)] = 3_600
    #: Pause between looks at the sequencer's chain, seconds. Default 5.
    catch_up_seconds: Positive = 5
    #: How far another clock may be from ours, seconds. Default 300. More lets a
    #: sequencer date its entries wrongly by as much.
    max_clock_skew_seconds: Annotated[int, msgspec.Meta(ge=1, le=300)] = 300


class Retention(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[retention]`: erasing. How long bodies live is the network's policy."""

    #: Pause between sweeps, seconds. Default 60. Longer keeps erasable data longer.
    sweep_seconds: Positive = 60


class ApiKey(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[api_keys]]`: who may call the device or the issuing API."""

    #: What it is called in the logs. Required. Public.
    name: Name
    #: `device` (verify, certificate) or `issuing` (issue codes). Required.
    audience: Annotated[str, msgspec.Meta(pattern="^(device|issuing)$")]
    #: SHA-256 of the key's text, hexadecimal. Required. The key cannot be computed
    #: from it, so reading this file is not enough to call the API.
    sha256: Digest


class Limits(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[limits]`: what one request or all of them may take."""

    #: Longest time for one request, seconds. Default 30.
    request_seconds: Positive = 30
    #: Memory for public files, bytes; packed copies may take a sixteenth more.
    #: Default 256 MiB.
    memory_cache_bytes: Positive = 268_435_456


class Config(_Section, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything a node is told from outside."""

    node: Node
    keys: Keys
    intake: Intake
    tls: Tls | None = None
    sealing: Sealing = Sealing()
    ledger: LedgerSettings = LedgerSettings()
    retention: Retention = Retention()
    api_keys: tuple[ApiKey, ...] = ()
    limits: Limits = Limits()


def load_config(path: Path) -> Config:
    """Read and check a configuration file.

    Args:
        path: The TOML file. Relative paths in it start at its folder.

    Returns:
        The configuration, with absolute paths.

    Raises:
        RefusedError: The file, a key of it or a file it names is not as it must be;
            the message names the field, the advice the fix.
    """
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=Config, dec_hook=_path)
    except OSError as error:
        raise RefusedError(
            f"config: expected a readable file at {path}, got {error.strerror}",
            advice="Make one with `cosignal network new DIR`.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refusal(path, str(error)) from error
    config = _absolute(config, path.parent.resolve())
    if config.node.port > MAX_PORT:
        raise RefusedError(
            f"node.listen: expected a port up to {MAX_PORT}, got {config.node.port}",
            advice="Write the address as 127.0.0.1:8081, with a free port.",
        )
    _check_files(config)
    return config


def read_secret(path: Path, field: str) -> bytes:
    """Read a file that only the node's user may read.

    Args:
        path: The file.
        field: The configuration field that names it, for the message.

    Returns:
        Its bytes.

    Raises:
        RefusedError: It is missing, or others can read it.
    """
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise RefusedError(
            f"{field}: expected a key file at {path}, got {error.strerror}",
            advice=f"Put the key there, or correct {field} in the configuration.",
        ) from error
    if mode & 0o077:
        raise RefusedError(
            f"{field}: expected a file that only its owner can read, "
            f"got mode {mode & 0o777:04o}",
            advice=f"Run `chmod 600 {path}`.",
        )
    return data


def _path(kind: type, value: object) -> Path:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError("Expected a path")


def _refusal(path: Path, problem: str) -> RefusedError:
    """Turn msgspec's words into the field and the fix."""
    place = re.search(r" - at `\$\.?([^`]*)`", problem)
    table = place[1].replace("[...]", "") if place else ""
    reason = problem.partition(" - at `")[0]
    named = re.search(r"field `([^`]+)`", reason)
    field = ".".join(part for part in (table, named[1] if named else "") if part)
    if "unknown field" in reason:
        reason, advice = "unknown key", f"Remove {field} or correct its spelling."
    elif "missing required" in reason:
        reason, advice = "missing key", f"Add {field}."
    else:
        advice = f"Correct {field or 'the file'}."
    return RefusedError(
        f"config: {field or path.name}: {reason}",
        advice=f"{advice} docs/reference/configuration.md lists every key.",
    )


S = TypeVar("S", bound=_Section)


def _absolute(section: S, folder: Path) -> S:
    changes: dict[str, object] = {}
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, Path):
            changes[name] = folder / value
        elif isinstance(value, tuple) and all(isinstance(item, Path) for item in value):
            changes[name] = tuple(folder / item for item in value)
        elif isinstance(value, _Section):
            changes[name] = _absolute(value, folder)
    return msgspec.structs.replace(section, **changes)


def _check_files(config: Config) -> None:
    """Look for every file now, so that no request is the first to miss one."""
    for name in config.keys.__struct_fields__:
        path = getattr(config.keys, name)
        if path is not None:
            read_secret(path, f"keys.{name}")
    if config.tls is not None:
        read_secret(config.tls.key, "tls.key")
        _check_file(config.tls.certificate, "tls.certificate")
    _check_file(config.node.policy, "node.policy")
    _check_file(config.node.genesis, "node.genesis")
    if config.node.configuration is not None:
        _check_file(config.node.configuration, "node.configuration")
    for path in config.node.later_policies:
        _check_file(path, "node.later_policies")


def _check_file(path: Path, field: str) -> None:
    if not path.is_file():
        raise RefusedError(
            f"{field}: expected a file at {path}, got none",
            advice=f"Put it there, or correct {field} in the configuration.",
        )
