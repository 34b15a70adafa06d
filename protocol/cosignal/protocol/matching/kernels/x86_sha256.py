"""SHA-256's compression function by the instructions that x86 has for it.

What this module guarantees:

* The lanes stand side by side in one run of instructions, since each waits some cycles
  for the one before it in its lane.

Source: FIPS 180-4, section 6.2.2; Intel, "SHA Extensions".
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core.typing import Context

from cosignal.protocol.matching.kernels import x86
from cosignal.protocol.matching.kernels.compiling import Emitter, instructions, part
from cosignal.protocol.matching.kernels.sha256 import LANES, ROUND_CONSTANTS, ROUNDS

_Words = npt.NDArray[np.uint32]
_STATE_REGISTERS: Final = 2
_BLOCK_REGISTERS: Final = 4
#: An instruction does two rounds, and a register holds the words of four.
_STEPS: Final = ROUNDS // 4


@part
def compress(states: _Words, blocks: _Words) -> None:
    """Take one block into each lane's state.

    Args:
        states: Shape (lanes, 8), uint32; replaced.
        blocks: Shape (lanes, 16), uint32, the bytes as big-endian words.
    """
    _compress(states, blocks)


@instructions
def _compress(_typing: Context, states: types.Type, blocks: types.Type) -> Emitter:
    return x86.procedure(_write_compression, states, blocks)


def _write_compression(
    builder: ir.IRBuilder, states: ir.Value, blocks: ir.Value
) -> None:
    lanes = [_Lane(builder, states, blocks, lane) for lane in range(LANES)]
    for step in range(_STEPS):
        for lane in lanes:
            lane.four_rounds(step)
    for lane in lanes:
        lane.finish()


class _Lane:
    """One message: its state and its schedule, in registers.

    The instructions want the eight words as a, b, e, f in one register and c, d, g, h
    in the other, the last one first.
    """

    def __init__(
        self, builder: ir.IRBuilder, states: ir.Value, blocks: ir.Value, lane: int
    ) -> None:
        self._builder, self._states = builder, states
        self._place = lane * _STATE_REGISTERS
        abcd = x86.load(builder, states, self._place)
        efgh = x86.load(builder, states, self._place + 1)
        self._abef = self._before_abef = x86.shuffled(builder, abcd, efgh, [5, 4, 1, 0])
        self._cdgh = self._before_cdgh = x86.shuffled(builder, abcd, efgh, [7, 6, 3, 2])
        first = lane * _BLOCK_REGISTERS
        self._schedule = [
            x86.load(builder, blocks, first + i) for i in range(_BLOCK_REGISTERS)
        ]

    def four_rounds(self, step: int) -> None:
        """Do rounds `4 * step` to `4 * step + 3`."""
        if step >= _BLOCK_REGISTERS:
            self._schedule.append(self._next_words())
        known = x86.constant(ROUND_CONSTANTS[4 * step : 4 * step + 4].tolist())
        added = self._builder.add(self._schedule[step], known)
        later = x86.shuffled(self._builder, added, added, [2, 3, 0, 0])
        self._cdgh = self._two_rounds(self._cdgh, self._abef, added)
        self._abef = self._two_rounds(self._abef, self._cdgh, later)

    def finish(self) -> None:
        """Add the state before the block, and write the sum in its place."""
        builder = self._builder
        abef = builder.add(self._abef, self._before_abef)
        cdgh = builder.add(self._cdgh, self._before_cdgh)
        abcd = x86.shuffled(builder, abef, cdgh, [3, 2, 7, 6])
        efgh = x86.shuffled(builder, abef, cdgh, [1, 0, 5, 4])
        x86.store(builder, abcd, self._states, self._place)
        x86.store(builder, efgh, self._states, self._place + 1)

    def _two_rounds(self, *arguments: Sequence[ir.Value]) -> ir.Value:
        return x86.call(self._builder, "sha256rnds2", x86.WORDS, arguments)

    def _next_words(self) -> ir.Value:
        """The four words of the schedule that follow the last sixteen."""
        oldest, older, newer, newest = self._schedule[-4:]
        sigma0 = x86.call(self._builder, "sha256msg1", x86.WORDS, [oldest, older])
        seven_back = x86.shuffled(self._builder, newer, newest, [1, 2, 3, 4])
        both = self._builder.add(sigma0, seven_back)
        return x86.call(self._builder, "sha256msg2", x86.WORDS, [both, newest])
