"""A `Chain` as bytes, for whoever keeps it between two runs.

What this module guarantees:

* `load_chain(dump_chain(chain), pinned)` is the same chain.
* The pinned policy is never read from the dump: who can write the state folder must not
  be able to change whom the verifier trusts first.
* A dump of version 1 is read as well. Who wrote it took no configuration records, so
  its chain holds none.

Source: docs/reference/protocol.md, "Verifier state".
"""

import json
from typing import TypeVar

from cosignal.protocol.chain import Chain, ShardEnd
from cosignal.protocol.encoding import encode_base64, parse_hash
from cosignal.protocol.errors import MalformedError, UsageError
from cosignal.protocol.merkle import CompactRange
from cosignal.protocol.policy import Policy
from cosignal.protocol.records import (
    ConfigurationRecord,
    PolicyRecord,
    parse_record_text,
)

STATE_VERSION = 2
_WITHOUT_CONFIGURATION = 1

R = TypeVar("R", PolicyRecord, ConfigurationRecord)

#: What reading JSON of another shape raises; JSON may hold Infinity, too.
_NO_DUMP = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
    UsageError,
)


def dump_chain(chain: Chain) -> bytes:
    """Write a chain for `load_chain`; JSON, so that a person can read it."""
    end = chain.previous
    return json.dumps(
        {
            "version": STATE_VERSION,
            "network": chain.network,
            "shard": chain.shard,
            "policy": chain.policy and chain.policy.text(),
            "configuration": chain.configuration and chain.configuration.text(),
            "size": chain.size,
            "range": [encode_base64(item) for item in chain.range.hashes],
            "last_leaf": encode_base64(chain.last_leaf),
            "last_time": chain.last_time,
            "sealed": chain.sealed,
            "previous": end and [end.shard, end.size, encode_base64(end.root)],
        }
    ).encode()


def load_chain(data: bytes, pinned: Policy) -> Chain:
    """Read what `dump_chain` wrote.

    Args:
        data: The dump.
        pinned: The tlog-policy that the verifier trusts from the start.

    Returns:
        The chain.

    Raises:
        MalformedError: Not a dump of this version or the one before.
    """
    try:
        state = json.loads(data)
        if _version(state["version"]) == _WITHOUT_CONFIGURATION:
            state["configuration"] = None
        return Chain(
            network=str(state["network"]),
            shard=str(state["shard"]),
            pinned=pinned,
            policy=_load_record(PolicyRecord, state["policy"], "policy"),
            configuration=_load_record(
                ConfigurationRecord, state["configuration"], "configuration"
            ),
            range=CompactRange(
                int(state["size"]),
                tuple(parse_hash(item, "range") for item in state["range"]),
            ),
            last_leaf=parse_hash(state["last_leaf"], "last_leaf"),
            last_time=int(state["last_time"]),
            sealed=bool(state["sealed"]),
            previous=_load_end(state["previous"]),
        )
    except _NO_DUMP as error:
        raise MalformedError(
            f"chain state: expected a dump, got something else ({error!r})",
            advice="Delete the state and sync again.",
        ) from None


def _version(value: object) -> int:
    # Python holds that true is 1 and 2.0 is 2; nobody wrote such a version.
    if type(value) is not int or value not in (STATE_VERSION, _WITHOUT_CONFIGURATION):
        raise MalformedError(
            f"chain state: expected version {STATE_VERSION}, got {value!r}",
            advice="Delete the state and sync again.",
        )
    return value


def _load_record(kind: type[R], text: str | None, name: str) -> R | None:
    if text is None:
        return None
    record = parse_record_text(text)
    if not isinstance(record, kind):
        raise MalformedError(f"chain state: {name}: expected a {name} record")
    return record


def _load_end(end: list[object] | None) -> ShardEnd | None:
    if end is None:
        return None
    shard, size, root = end
    return ShardEnd(str(shard), int(str(size)), parse_hash(str(root), "root"))
