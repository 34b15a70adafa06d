"""Records: the signed statements that the chain orders.

What this module guarantees:

* Every record is a C2SP signed note, so any signed-note tool can show and check it.
* One statement, one text: parsing writes the text again and compares.
* Nobody can make a record longer: it carries each signature that its kind may have at
  most once, and no other.

Who had to sign is checked by `verify_record`; what may follow what is `chain`'s affair.
The kinds themselves are in `record_kinds`.

Source: docs/reference/protocol.md, "Records".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cosignal.protocol.encoding import parse_decimal, parse_hash
from cosignal.protocol.errors import (
    MalformedError,
    QuorumError,
    SignatureInvalidError,
)
from cosignal.protocol.exposure.configuration import parse_configuration
from cosignal.protocol.notes import (
    ALG_ED25519,
    Note,
    SignerKey,
    VerifierKey,
    parse_note,
    parse_verifier_key,
    sign_note,
    verify_note,
)
from cosignal.protocol.record_kinds import (
    ONSET_CLASS,
    ONSET_EXACT,
    REVOCATION_REASONS,
    BlockRecord,
    ConfigurationRecord,
    GenesisRecord,
    Issuer,
    PolicyRecord,
    Record,
    RevocationRecord,
    SealRecord,
)

__all__ = [
    "MAX_RECORD",
    "BlockRecord",
    "ConfigurationRecord",
    "GenesisRecord",
    "Issuer",
    "PolicyRecord",
    "Record",
    "RevocationRecord",
    "SealRecord",
    "SignedRecord",
    "parse_record",
    "parse_record_text",
    "sign_record",
    "verify_record",
]

MAX_RECORD = 60_000
MAX_ISSUERS = 64

_REGION = re.compile(r"[A-Z0-9-]{1,8}")


@dataclass(frozen=True, slots=True)
class SignedRecord:
    """A parsed record whose signatures are not checked yet.

    Attributes:
        record: What it says.
        note: Text and signatures.
        data: The bytes it was parsed from.
    """

    record: Record
    note: Note
    data: bytes


def sign_record(record: Record, *signers: SignerKey) -> bytes:
    """Sign a record.

    Args:
        record: What to say.
        signers: Issuing keys; one authority's, or a quorum's.

    Returns:
        The signed note's bytes.
    """
    return sign_note(record.text().encode(), *signers).encode()


def parse_record(data: bytes) -> SignedRecord:
    """Read a record of any kind.

    Args:
        data: A signed note.

    Returns:
        The record with its note; nothing is verified yet.

    Raises:
        MalformedError: Not a note, not a known kind, or not its one canonical text.
    """
    if len(data) > MAX_RECORD:
        raise MalformedError(
            f"record: expected at most {MAX_RECORD} bytes, got {len(data)}"
        )
    note = parse_note(data)
    return SignedRecord(parse_record_text(note.text.decode()), note, data)


def parse_record_text(text: str) -> Record:
    """Read the text of a record, without signatures.

    Args:
        text: What the signatures cover.

    Returns:
        The record.

    Raises:
        MalformedError: Not a known kind, or not its one canonical text.
    """
    tag = text.partition("\n")[0]
    parse = _PARSERS.get(tag)
    if parse is None:
        raise MalformedError(
            # Not what it is: a file of keys given by mistake must not be shown.
            f"record: expected one of {', '.join(_PARSERS)} on the first line"
        )
    record = parse(_Lines(text))
    if record.text() != text:
        raise MalformedError(f"record: expected the canonical text of {tag}")
    return record


def verify_record(signed: SignedRecord, policy: PolicyRecord | None) -> Record:
    """Check that those signed whose word the record needs.

    Args:
        signed: From `parse_record`.
        policy: In force before the record; None only for a first policy, which then
            needs a quorum of its own members.

    Returns:
        The record.

    Raises:
        SignatureInvalidError: The issuer is not a member or did not sign, or somebody
            signed whose word is not asked for.
        QuorumError: Too few members signed.
    """
    record, signers = signed.record, set[VerifierKey]()
    if isinstance(record, PolicyRecord):
        signers.update(_verify_quorum(signed.note, record))
    if policy is None:
        if not isinstance(record, PolicyRecord):
            raise QuorumError("record: expected a policy before anything else")
    elif isinstance(record, BlockRecord | RevocationRecord):
        signers.update(verify_note(signed.note, [_member(record.issuer, policy).key]))
    else:
        signers.update(_verify_quorum(signed.note, policy))
    # A line by anybody else changes the leaf, but not what is said: a mirror could make
    # readers hold a hundred times as many bytes before they see that the root differs.
    if len(signers) != len(signed.note.signatures):
        raise SignatureInvalidError(
            f"record: expected only needed signatures, each once, got "
            f"{len(signed.note.signatures)} of which {len(signers)} count"
        )
    return record


def _member(name: str, policy: PolicyRecord) -> Issuer:
    issuer = policy.issuer(name)
    if issuer is None:
        raise SignatureInvalidError(
            f"issuer: expected a member of policy {policy.version}, got {name}"
        )
    return issuer


def _verify_quorum(note: Note, policy: PolicyRecord) -> list[VerifierKey]:
    signers = verify_note(note, [issuer.key for issuer in policy.issuers])
    if len(set(signers)) < policy.quorum:
        raise QuorumError(
            f"policy {policy.version}: expected {policy.quorum} of "
            f"{len(policy.issuers)} members' signatures, got {len(set(signers))}"
        )
    return signers


class _Lines:
    """Reads a record's text line by line; wrong lines are MalformedErrors."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.rest = text.partition("\n")[2]

    def words(self, name: str, count: int = 1) -> list[str]:
        """The next line's words; its first must be `name`."""
        line, _, self.rest = self.rest.partition("\n")
        first, *words = line.split(" ")
        if first != name or len(words) != count or not all(words):
            raise MalformedError(
                f"record: expected a line of {name!r} and {count} words"
            )
        return words

    def word(self, name: str) -> str:
        return self.words(name)[0]

    def number(self, name: str) -> int:
        return parse_decimal(self.word(name), name)

    def issuers(self) -> Iterator[Issuer]:
        while self.rest.startswith("issuer "):
            name, region, key = self.words("issuer", 3)
            yield Issuer(name, _region(region), _issuing_key(key))


def _region(word: str) -> str:
    if not _REGION.fullmatch(word):
        raise MalformedError(
            "record: region: expected up to 8 upper-case letters, digits and hyphens"
        )
    return word


def _issuing_key(word: str) -> VerifierKey:
    key = parse_verifier_key(word.encode())
    if key.type != ALG_ED25519:
        raise MalformedError("record: issuer: expected an Ed25519 key of type 0x01")
    return key


def _parse_block(lines: _Lines) -> BlockRecord:
    network, issuer = lines.word("network"), lines.word("issuer")
    region, keys = _region(lines.word("region")), lines.number("keys")
    first, last = (
        parse_decimal(word, "intervals") for word in lines.words("intervals", 2)
    )
    return BlockRecord(
        network,
        issuer,
        region,
        keys,
        first,
        last,
        lines.number("body"),
        parse_hash(lines.word("commit"), "commit"),
        lines.number("expires"),
    )


def _parse_policy(lines: _Lines) -> PolicyRecord:
    record = PolicyRecord(
        lines.word("network"),
        lines.number("version"),
        lines.word("onset"),
        lines.number("minimum"),
        lines.number("retention"),
        tuple(lines.issuers()),
        lines.rest[1:],
    )
    _check_policy(record)
    return record


def _check_policy(record: PolicyRecord) -> None:
    """Refuse a policy that no network could run by."""
    witnesses = {witness.name for witness in record.trust.witnesses}
    names = [issuer.name for issuer in record.issuers]
    keys = {issuer.key.public_key for issuer in record.issuers}
    problems = {
        "onset: expected 'class' or 'exact'": record.onset
        not in (ONSET_CLASS, ONSET_EXACT),
        "version: expected 1 or more": record.version < 1,
        "retention: expected at least one second": record.retention < 1,
        f"issuers: expected 1 to {MAX_ISSUERS}": not 0 < len(names) <= MAX_ISSUERS,
        "issuers: expected each name and key once": len(set(names)) != len(names)
        or len(keys) != len(names),
        "issuers: expected each to be a witness too": not witnesses.issuperset(names),
    }
    for problem, found in problems.items():
        if found:
            raise MalformedError(f"record: policy: {problem}")


def _parse_configuration(lines: _Lines) -> ConfigurationRecord:
    network, version = lines.word("network"), lines.number("version")
    if version < 1:
        raise MalformedError("record: configuration: version: expected 1 or more")
    return ConfigurationRecord(network, version, parse_configuration(lines.rest))


def _parse_revocation(lines: _Lines) -> RevocationRecord:
    record = RevocationRecord(
        lines.word("network"),
        lines.word("issuer"),
        parse_hash(lines.word("commit"), "commit"),
        lines.word("reason"),
    )
    if record.reason not in REVOCATION_REASONS:
        raise MalformedError(
            f"record: reason: expected one of {', '.join(REVOCATION_REASONS)}"
        )
    return record


def _parse_seal(lines: _Lines) -> SealRecord:
    return SealRecord(lines.word("network"), lines.word("shard"))


def _parse_genesis(lines: _Lines) -> GenesisRecord:
    network, shard = lines.word("network"), lines.word("shard")
    previous, size, root = lines.words("previous", 3)
    return GenesisRecord(
        network, shard, previous, parse_decimal(size, "size"), parse_hash(root, "root")
    )


_PARSERS: dict[str, Callable[[_Lines], Record]] = {
    "cosignal/block/v1": _parse_block,
    "cosignal/policy/v1": _parse_policy,
    "cosignal/configuration/v1": _parse_configuration,
    "cosignal/revocation/v1": _parse_revocation,
    "cosignal/seal/v1": _parse_seal,
    "cosignal/genesis/v1": _parse_genesis,
}
