"""From published keys to hits, whatever computes SHA-256 and AES.

What this module guarantees:

* The room for hits is never too small in the end: where it was, the search is done once
  more with as much as it needs.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.identifiers import TEK_BYTES
from cosignal.protocol.intervals import DAY_INTERVALS
from cosignal.protocol.matching.columns import Hit, KeyColumns, Sightings
from cosignal.protocol.matching.kernels.aes import BLOCK_WORDS, ROUNDS
from cosignal.protocol.matching.kernels.compiling import part
from cosignal.protocol.matching.kernels.derivation import (
    KEY_WORDS,
    Compress,
    derive_identifier_keys,
    new_work,
    padded_states,
)
from cosignal.protocol.matching.kernels.lookup import Heard, look_up
from cosignal.protocol.matching.kernels.sha256 import LANES

_Bytes = npt.NDArray[np.uint8]
_Words = npt.NDArray[np.uint32]
_Numbers = npt.NDArray[np.int64]
Expand = Callable[[_Words, _Words], None]
"""Computes round keys, see `aes.expand`."""
Encrypt = Callable[[_Words, int, int, _Numbers], None]
"""Derives identifiers, see `aes.encrypt`; may write up to the next 16 of them."""
Kernel = Callable[[_Bytes, _Numbers, _Numbers, _Numbers, _Numbers], int]
"""Takes keys as bytes, rows of `needed_identifiers`, `bit_filter` and `rows` of the
sightings, and room for hits; gives the number of hits, see `lookup`."""

_ROOM: Final = 1024
_SLACK: Final = 16


@part
def search_keys(  # noqa: PLR0917 - compiled functions take no keyword-only arguments
    compress: Compress,
    expand: Expand,
    encrypt: Encrypt,
    teks: _Bytes,
    needed: _Numbers,
    heard: Heard,
    hits: _Numbers,
) -> int:
    """Do what a kernel does, with some primitives.

    Args:
        compress: SHA-256's compression function.
        expand: Computes AES round keys.
        encrypt: Derives identifiers.
        teks: As for `Kernel`, and so the others.
        needed: Rows.
        heard: The sightings.
        hits: Room.

    Returns:
        Number of hits.
    """
    padded, work = padded_states(compress), new_work()
    keys = np.empty((LANES, KEY_WORDS), np.uint32)
    round_keys = np.empty((ROUNDS + 1, BLOCK_WORDS), np.uint32)
    identifiers = np.empty((DAY_INTERVALS + _SLACK, 2), np.int64)
    found = 0
    for begin in range(0, len(needed), LANES):
        spans = needed[begin : begin + LANES]
        _load(teks, spans, keys)
        derive_identifier_keys(compress, padded, keys, work)
        for lane in range(len(spans)):
            span = spans[lane]
            expand(keys[lane], round_keys)
            encrypt(round_keys, span[1], span[2], identifiers)
            found = look_up(identifiers, span, heard, hits, found)
    return found


@part
def _load(teks: _Bytes, spans: _Numbers, keys: _Words) -> None:
    """Read keys into lanes as little-endian words; the last one fills what is left."""
    for lane in range(LANES):
        at = spans[min(lane, len(spans) - 1), 0] * TEK_BYTES
        for word in range(KEY_WORDS):
            value = np.uint32(0)
            for byte in range(4):
                value |= np.uint32(teks[at + 4 * word + byte]) << np.uint32(8 * byte)
            keys[lane, word] = value


def prepare(
    kernel: Kernel, keys: KeyColumns, sightings: Sightings
) -> Callable[[_Numbers], list[Hit]]:
    """Make ready to search.

    Args:
        kernel: Which.
        keys: Checked columns, at least one key.
        sightings: Checked columns, at least one sighting.

    Returns:
        See `paths.Search`.
    """
    teks = np.frombuffer(keys.keys, np.uint8)
    heard = (sightings.bit_filter, sightings.rows)
    return partial(_search, kernel, teks, heard)


def _search(kernel: Kernel, teks: _Bytes, heard: Heard, needed: _Numbers) -> list[Hit]:
    room = _ROOM
    while True:
        hits = np.empty((room, 3), np.int64)
        found = kernel(teks, needed, *heard, hits)
        if found <= room:
            return [Hit(*row) for row in hits[:found].tolist()]
        room = found
