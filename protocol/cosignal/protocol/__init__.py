"""The protocol: bytes in, values out; no clock, no entropy, no I/O.

One exception is kept in one module, `matching.kernels.keeping`: what numba compiled is
written to a folder of the user's, and read and *run* by the next process. Results do
not depend on it, and without numba nothing is kept.

======================================= ================================================
what a phone derives and publishes      `intervals`, `identifiers`, `diagnosis_keys`,
                                        `certificates`
what a published key means to others    `matching`, `exposure`
the log                                 `merkle`, `tiles`, `notes`, `policy`,
                                        `checkpoints`, `proofs`, `evidence`
what the log holds                      `bodies`, `records`, `blocks`, `entries`
the verifier, all rules in one place    `chain`
fair draws from a caller's randomness   `draws`
every error                             `errors`
======================================= ================================================

Names are imported from their module; this package re-exports nothing, so that a reader
always sees where a name lives.

    >>> from cosignal.protocol.intervals import interval_at
    >>> interval_at(1585785600)
    2642976
"""
