"""How a ledger is, for `/healthz`, `/metrics` and people."""

import msgspec


class AuthorityStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the sequencer knows of one authority.

    Attributes:
        name: The authority.
        size: Size of the tree that it co-signed last, as far as known.
        failure: Why it did not co-sign the last time; empty when it did.
    """

    name: str
    size: int
    failure: str


class LedgerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of one node's ledger.

    Attributes:
        ready: Whether it may sign: the others have said what it signed before.
        sequencer: Whether this node orders the log.
        tree_size: Entries that this node holds and stands by.
        log_size: Entries ordered; None where another node sequences.
        certified_size: Size of the published checkpoint; 0 before the first.
        certified_time: Its trusted time, Unix seconds; 0 before the first.
        outbox: Blocks of this authority that no certified checkpoint holds yet.
        evidence: Evidence files kept.
        authorities: On the sequencer only.
        problems: What is wrong and what to do, a sentence each; empty when all is
            well.
    """

    ready: bool
    sequencer: bool
    tree_size: int
    log_size: int | None
    certified_size: int
    certified_time: int
    outbox: int
    evidence: int
    authorities: tuple[AuthorityStatus, ...]
    problems: tuple[tuple[str, str], ...]
