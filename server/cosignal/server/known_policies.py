"""The newest policy that a node knows before its chain is open.

What this module guarantees:

* Each is verified by the one before it, from the founding policy on.
* What the public folder says counts only as far as it verifies: it is not trusted.

It says which keys are this authority's; whom the node believes is for the chain to say.
"""

from collections.abc import Iterator
from pathlib import Path

from cosignal.client.paths import policy_path
from cosignal.protocol.errors import CosignalError, RefusedError
from cosignal.protocol.record_kinds import PolicyRecord
from cosignal.protocol.records import parse_record, verify_record
from cosignal.server.config import Config


def newest_policy(config: Config, first: PolicyRecord) -> PolicyRecord:
    """Follow the policies after the founding one, as far as this machine has them.

    Args:
        config: Names the files that were put there, and the public folder.
        first: The founding policy.

    Returns:
        The newest one.

    Raises:
        RefusedError: A file of `node.later_policies` does not follow on the others.
    """
    policy = first
    for path in config.node.later_policies:
        try:
            policy = _next(policy, path.read_bytes())
        except CosignalError as error:
            raise RefusedError(
                f"node.later_policies: {path.name}: {error}",
                advice="Name every policy after the first, oldest first, each as "
                "/chain/policy/<version> of a node serves it.",
            ) from error
    for data in _published(config.node.data / "public", policy.version):
        try:
            policy = _next(policy, data)
        except CosignalError:
            break
    return policy


def _published(folder: Path, version: int) -> Iterator[bytes]:
    while (path := folder / policy_path(version + 1)).is_file():
        yield path.read_bytes()
        version += 1


def _next(policy: PolicyRecord, data: bytes) -> PolicyRecord:
    record = verify_record(parse_record(data), policy)
    expected = (policy.network, policy.version + 1)
    if (
        not isinstance(record, PolicyRecord)
        or (record.network, record.version) != expected
    ):
        raise RefusedError(
            f"expected policy version {policy.version + 1} of {policy.network}, got "
            "another record"
        )
    return record
