"""Matching as machine code: HKDF, AES and the look-up of a key without leaving it.

======================================= ================================================
how functions are compiled              `compiling`
where they are kept                     `keeping`, the one module of `protocol` that
                                        touches a disk
what the compiler may use here          `target`
SHA-256 and AES for any processor       `sha256`, `aes`
the same by instructions of x86         `x86_sha256`, `x86_aes`, over `x86`
from keys to hits, whatever does them   `derivation`, `lookup`, `loop`
the two kernels                         `variants`
======================================= ================================================

These functions are for *published* keys. Table look-ups take a time that depends on
the key, and nothing is wiped: a phone must never derive its own identifiers with them;
`identifiers` is for that.

Importing a module of this package imports numba; `paths` does so when somebody first
matches.
"""
