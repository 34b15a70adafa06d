"""Find out whether a quorum stands behind a checkpoint after the policy has moved.

A verifier knows the policy in force at the size it verified last. A newer checkpoint
may be signed by members who joined since; what says so lies in entries that may be
fetched only once the checkpoint is verified. So the signed policy records are walked
one by one first, as TUF walks its roots.

What this module guarantees:

* Version v+1 counts only with the quorum of version v *and* its own.
* Version 1 counts only if the pinned file names it by its hash, or if it was verified
  before. Otherwise nothing is walked: its issuers could be anybody's.
* The walk only previews: `Chain.advance` decides again, by the policies that the
  entries really hold.

Source: docs/reference/protocol.md, "Policy"; https://theupdateframework.github.io
("5.3. Update the root role").
"""

from cosignal.client.paths import policy_path
from cosignal.client.sources import Source
from cosignal.protocol.chain import Chain
from cosignal.protocol.checkpoints import CertifiedCheckpoint, verify_checkpoint
from cosignal.protocol.errors import (
    ConsistencyError,
    NotFoundError,
    QuorumError,
    SignatureInvalidError,
)
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import (
    MAX_RECORD,
    PolicyRecord,
    parse_record,
    verify_record,
)

#: More changes of policy than any network makes; bounds what a liar can make us read.
MAX_WALK = 1_000


async def certify(
    source: Source, note: bytes, chain: Chain
) -> tuple[CertifiedCheckpoint, Policy]:
    """Check a checkpoint by the policy in force or a later one.

    Args:
        source: Where later policies are read.
        note: The checkpoint.
        chain: What is verified so far.

    Returns:
        The checkpoint, and the tlog-policy that it satisfies.

    Raises:
        VerificationError: No quorum stands behind it.
        MalformedError: It, or a policy on the way, is in another form.
        SourceError: The source does not answer.
    """
    trust, policy = chain.trust, chain.policy
    try:
        return verify_checkpoint(note, trust), trust
    except (QuorumError, SignatureInvalidError) as error:
        refused = error
    anchored = policy is not None or chain.pinned.first is not None
    for _ in range(MAX_WALK if anchored else 0):
        try:
            policy = await _next_policy(source, policy, chain)
        except NotFoundError:
            break
        try:
            return verify_checkpoint(note, policy.trust), policy.trust
        except (QuorumError, SignatureInvalidError) as error:
            refused = error
    raise refused


async def _next_policy(
    source: Source, known: PolicyRecord | None, chain: Chain
) -> PolicyRecord:
    version = known.version + 1 if known else 1
    data = await source.get(policy_path(version), MAX_RECORD)
    record = verify_record(parse_record(data), known)
    fits = (
        isinstance(record, PolicyRecord)
        and (record.version, record.network) == (version, chain.network)
        and (known is not None or record.begins(chain.pinned))
    )
    if not fits or not isinstance(record, PolicyRecord):
        raise ConsistencyError(
            f"{policy_path(version)}: expected this network's policy {version}, "
            "got another record",
            advice="Check that --policy is this network's file, or try another mirror.",
        )
    return record
