"""What is in force before a record: whose signatures count, and which version is next.

What this module guarantees:

* Offline, every policy is verified against the one before it, from the founding one on;
  a configuration by a policy among them.
* A record follows on what is in force, or is refused before anybody signs it.

Whoever has the chain at hand takes policy and configuration from there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from cosignal.protocol.errors import CosignalError, RefusedError
from cosignal.protocol.record_kinds import (
    BlockRecord,
    ConfigurationRecord,
    GenesisRecord,
    Issuer,
    PolicyRecord,
    Record,
    RevocationRecord,
    SealRecord,
)
from cosignal.protocol.records import MAX_RECORD, SignedRecord, verify_record

_LINE_OVERHEAD = 100  # dash, key ID and signature in base64, newline
_GIVE_ALL = "Give every policy after the first one, and the configuration in force."


@dataclass(frozen=True, slots=True)
class InForce:
    """What a network runs by.

    Attributes:
        policy: Whose members sign.
        configuration: None where there is none yet.
    """

    policy: PolicyRecord
    configuration: ConfigurationRecord | None = None

    def counting(self, record: Record) -> tuple[Issuer, ...]:
        """Those whose signatures count under a record.

        Members; the new ones as well under a policy; the issuer alone under a
        revocation.
        """
        issuers = self.policy.issuers
        if isinstance(record, PolicyRecord):
            return tuple(dict.fromkeys((*issuers, *record.issuers)))
        if isinstance(record, RevocationRecord):
            return tuple(item for item in issuers if item.name == record.issuer)
        return issuers

    def changes(self, record: Record) -> list[str]:
        """Lines that a record takes from what is in force, and that it adds."""
        before = self._before(record)
        if before is None:
            return []
        return list(_differences(before.text(), record.text()))

    def check_follows(self, record: Record) -> None:
        """Refuse a record that no node would order next.

        Raises:
            RefusedError: It is of another network, of a kind that nobody signs by hand,
                has another version than the next, or leaves no room for signatures.
        """
        _check_kind(record)
        if record.network != self.policy.network:
            raise RefusedError(
                f"record: expected one of network {self.policy.network}, got "
                f"{record.network}",
                advice="Sign with the configuration of a node of that network.",
            )
        if isinstance(record, PolicyRecord | ConfigurationRecord):
            before = self._before(record)
            _check_version(before.version if before else 0, record)
        check_room(record, self.counting(record))

    def _before(self, record: Record) -> PolicyRecord | ConfigurationRecord | None:
        if isinstance(record, PolicyRecord):
            return self.policy
        return self.configuration if isinstance(record, ConfigurationRecord) else None


def follow(first: PolicyRecord, records: Iterable[SignedRecord]) -> InForce:
    """Verify what came after a network's first policy.

    Args:
        first: The founding policy, verified by the caller.
        records: Policies and at most one configuration, in any order; the first policy
            may be among them.

    Returns:
        The newest policy, and the configuration.

    Raises:
        RefusedError: One is missing, of another kind, or not signed by whom it needs.
    """
    found = list(records)
    found.sort(key=lambda item: getattr(item.record, "version", 0))
    policies = [first]
    for signed in found:
        if isinstance(signed.record, PolicyRecord) and signed.record != first:
            _check_next_policy(policies[-1], signed.record, signed)
            policies.append(signed.record)
    others = [item for item in found if not isinstance(item.record, PolicyRecord)]
    if not others:
        return InForce(policies[-1])
    if len(others) > 1:
        raise RefusedError(
            f"in force: expected at most one configuration, got {len(others)} records "
            "that are no policy",
            advice=_GIVE_ALL,
        )
    return InForce(policies[-1], _configuration(policies, others[0]))


def _differences(before: str, after: str) -> Iterator[str]:
    old, new = before.split("\n"), after.split("\n")
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for kind, first, last, begin, end in matcher.get_opcodes():
        if kind != "equal":
            yield from (f"- {line}" for line in old[first:last])
            yield from (f"+ {line}" for line in new[begin:end])


def check_room(record: Record, signers: Sequence[Issuer]) -> None:
    """Refuse a record that would be too long once all have signed it.

    Args:
        record: Whatever is to be signed.
        signers: Those who may.

    Raises:
        RefusedError: Text and signatures are more than a record may have.
    """
    lines = sum(len(item.key.name.encode()) + _LINE_OVERHEAD for item in signers)
    size = len(record.text().encode()) + lines
    if size > MAX_RECORD:
        raise RefusedError(
            f"record: expected at most {MAX_RECORD} bytes with all signatures, got "
            f"{size}",
            advice="Shorten its text; comments in the policy are part of it.",
        )


def _check_next_policy(
    before: PolicyRecord, record: PolicyRecord, signed: SignedRecord
) -> None:
    if record.version != before.version + 1:
        raise RefusedError(
            f"in force: expected policy version {before.version + 1} after "
            f"{before.version}, got {record.version}",
            advice=_GIVE_ALL,
        )
    if record.network != before.network:
        raise RefusedError(
            f"in force: expected network {before.network}, got {record.network}",
            advice=_GIVE_ALL,
        )
    _verify(signed, before, f"policy version {record.version}")


def _configuration(
    policies: Sequence[PolicyRecord], signed: SignedRecord
) -> ConfigurationRecord:
    """A configuration; the policy that was in force when it was made is among them."""
    record = signed.record
    if not isinstance(record, ConfigurationRecord):
        raise RefusedError(
            "in force: expected policies and a configuration, got another record",
            advice=_GIVE_ALL,
        )
    if record.network != policies[0].network:
        raise RefusedError(
            f"in force: expected network {policies[0].network}, got {record.network}",
            advice=_GIVE_ALL,
        )
    for policy in policies[:0:-1]:
        try:
            verify_record(signed, policy)
        except CosignalError:
            continue
        return record
    _verify(signed, policies[0], f"configuration version {record.version}")
    return record


def _verify(signed: SignedRecord, policy: PolicyRecord, what: str) -> None:
    try:
        verify_record(signed, policy)
    except CosignalError as error:
        raise RefusedError(
            f"in force: {what}: {error}",
            advice="Take the file from /chain/policy/ or /chain/configuration/ of a "
            "node.",
        ) from error


def _check_kind(record: Record) -> None:
    if isinstance(record, BlockRecord):
        raise RefusedError(
            "record: expected one that people sign, got a block",
            advice="Blocks are made and signed by nodes, from what was uploaded.",
        )
    if isinstance(record, SealRecord | GenesisRecord):
        raise RefusedError(
            "record: expected one that nodes can go on from, got a seal or genesis",
            advice="No node opens a second shard yet; a seal would end the network.",
        )


def _check_version(before: int, record: PolicyRecord | ConfigurationRecord) -> None:
    what = "policy" if isinstance(record, PolicyRecord) else "configuration"
    if record.version != before + 1:
        raise RefusedError(
            f"{what} version: expected {before + 1}, the one after that in force, got "
            f"{record.version}",
            advice="Draft it again from what is in force; without --chain, name the "
            "newest records with --in-force.",
        )
