"""How the simulator's inner loops are compiled.

What this module guarantees:

* A `kernel` holds no lock while it runs, is compiled once for all runs to come, and
  counts no references to arrays: counting them at each look at a named tuple of arrays
  made the loops about ten times slower. A kernel therefore makes no arrays; whoever
  calls it gives it those that it fills.
* Numbers are those of IEEE 754: no rearranged sums, so that every processor and every
  number of threads gives the same ones.
"""

from functools import partial

from numba import njit

#: Decorates a function that is called from Python, or by other kernels.
kernel = partial(njit, nogil=True, cache=True, _nrt=False)
#: Decorates a small function that becomes a part of those which call it.
inlined = partial(njit, nogil=True, cache=True, _nrt=False, inline="always")
