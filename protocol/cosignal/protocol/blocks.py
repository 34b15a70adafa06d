"""A block: a record on the chain and the body it commits to.

What this module guarantees:

* `seal_block` never signs what `verify_body` would refuse.
* `verify_body` refuses a body that is not the committed one, that holds fewer keys than
  the policy's minimum, or any key that was not publishable when it was sequenced.

Keys are judged at sequencing time, which every reader knows and nobody can move later.
A key that stands on the chain twice is no error here: it could otherwise stop a block,
and with it other people's warnings. Issuers drop what they already see; readers count
the first.
"""

from collections.abc import Sequence

from cosignal.protocol.bodies import Body, commit, encode_body, parse_body
from cosignal.protocol.diagnosis_keys import MAX_AGE_SECONDS, DiagnosisKey
from cosignal.protocol.errors import BodyMismatchError, MalformedError, UsageError
from cosignal.protocol.intervals import interval_at
from cosignal.protocol.notes import SignerKey
from cosignal.protocol.record_kinds import ONSET_EXACT
from cosignal.protocol.records import BlockRecord, PolicyRecord, sign_record


def seal_block(
    keys: Sequence[DiagnosisKey],
    *,
    salt: bytes,
    network: str,
    issuer: str,
    region: str,
    expires: int,
    signer: SignerKey,
) -> tuple[bytes, bytes]:
    """Make a block of keys.

    Args:
        keys: What to publish, dummies included, in any order.
        salt: 32 fresh random bytes.
        network: The network's name.
        issuer: The authority's name.
        region: Where the keys matter.
        expires: When the body is to be erased, Unix seconds.
        signer: The authority's issuing key.

    Returns:
        The signed record and the body file.

    Raises:
        UsageError: No keys, a salt of another length, or a key no body can hold.
    """
    if not keys:
        raise UsageError("keys: expected at least one, got none")
    data = encode_body(keys, salt)
    try:
        body = parse_body(data)
    except MalformedError as error:
        raise UsageError(f"keys: expected keys that a body can hold: {error}") from None
    record = BlockRecord(
        network,
        issuer,
        region,
        body.count,
        body.groups[0].start,
        max(group.end for group in body.groups),
        len(data),
        commit(data),
        expires,
    )
    return sign_record(record, signer), data


def verify_body(
    record: BlockRecord, data: bytes, policy: PolicyRecord, at: int
) -> Body:
    """Check a body against its record and the rules.

    Args:
        record: The verified record.
        data: The body file.
        policy: In force when the record was sequenced.
        at: The entry's sequencing time, Unix seconds.

    Returns:
        The body.

    Raises:
        BodyMismatchError: Anything differs from what the record or the rules say.

    Source: docs/reference/protocol.md, "Block rules".
    """
    if commit(data) != record.commit:
        raise BodyMismatchError(
            "body: expected the file that the record commits to, got another one",
            advice="Fetch it from another mirror or authority.",
        )
    try:
        body = parse_body(data)
    except MalformedError as error:
        raise BodyMismatchError(str(error)) from error
    _check_header(record, data, body, policy)
    _check_keys(body, policy, at)
    return body


def _check_header(
    record: BlockRecord, data: bytes, body: Body, policy: PolicyRecord
) -> None:
    first = body.groups[0].start if body.groups else 0
    last = max((group.end for group in body.groups), default=0)
    pairs = {
        "keys": (body.count, record.keys),
        "body bytes": (len(data), record.body_bytes),
        "first interval": (first, record.first_interval),
        "last interval": (last, record.last_interval),
    }
    for name, (found, stated) in pairs.items():
        if found != stated:
            raise BodyMismatchError(f"{name}: expected {stated}, got {found}")
    if body.count < max(policy.minimum, 1):
        raise BodyMismatchError(
            f"keys: expected at least the policy's {policy.minimum}, got {body.count}"
        )


def _check_keys(body: Body, policy: PolicyRecord, at: int) -> None:
    """Apply the rules of a valid key; all keys of a group share most of them."""
    oldest = interval_at(at - MAX_AGE_SECONDS)
    now = interval_at(at)
    exact = policy.onset == ONSET_EXACT
    for group in body.groups:
        shortest = min(group.periods)
        if group.start + shortest < oldest:
            raise BodyMismatchError(
                f"key end: expected {oldest} or later, got {group.start + shortest}"
            )
        if group.end > now:
            raise BodyMismatchError(
                f"key end: expected {now} or earlier when sequenced, got {group.end}"
            )
        if (group.onset is not None) != exact:
            raise BodyMismatchError(
                f"onset: expected it {'with' if exact else 'without'} days since onset"
            )
