"""How functions are compiled that are called for every contact.

What this module guarantees:

* A function marked `reader` takes named tuples of arrays and is compiled without
  reference counts: counting who holds which array, atomically, would cost several
  times what the function does (measured: 245 against 70 ns for each contact).
* It must not make arrays, and must not be given a Python object; numba refuses the
  first when it compiles.
"""

from typing import Any

from numba import njit

#: Compile a function that reads and writes elements of arrays it is given.
reader: Any = njit(nogil=True, cache=True, _nrt=False, forceinline=True)
