"""The protocol: bytes in, values out; no clock, no entropy, no I/O.

======================================= ================================================
what a phone derives and publishes      `intervals`, `identifiers`, `diagnosis_keys`,
                                        `certificates`
what a published key means to others    `matching`, `exposure`
the log                                 `merkle`, `tiles`, `notes`, `policy`,
                                        `checkpoints`, `proofs`, `evidence`
what the log holds                      `bodies`, `records`, `blocks`, `entries`
the verifier, all rules in one place    `chain`
every error                             `errors`
======================================= ================================================

Names are imported from their module; this package re-exports nothing, so that a reader
always sees where a name lives.

    >>> from cosignal.protocol.intervals import interval_at
    >>> interval_at(1585785600)
    2642976
"""
