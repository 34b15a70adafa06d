"""Which path a process takes, seen from outside: every test starts real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cosignal.protocol.matching import SearchPath, available_paths

compiled_here = pytest.mark.skipif(
    len(available_paths()) == 1, reason="compiled paths: expected numba, found none"
)
native_here = pytest.mark.skipif(
    SearchPath.NATIVE not in available_paths(),
    reason="path native: expected a processor that has it, found another or no numba",
)

#: Matches all identifiers of some keys; prints whether all were found, and the paths.
MATCH = """
import json
from cosignal.protocol.matching import available_paths, match
from tests.protocol.encounters import TODAY, PlainKey, columns, heard

keys = [PlainKey(bytes([n]) * 16, TODAY - n, 144 - n) for n in range(7)]
met = [(k, key.start + n) for k, key in enumerate(keys) for n in range(key.period)]
seen = [(keys[k].identifier(at - keys[k].start), at) for k, at in met]
hits = match(columns(keys), heard(seen))
expected = [(k, n, at) for n, (k, at) in enumerate(met)]
print(json.dumps([hits == expected, *available_paths()]))
"""


def run(code: str, **environment: str) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stderr == ""
    printed: list[object] = json.loads(done.stdout)
    return printed


@pytest.mark.parametrize("missing", ["numba", "llvmlite"])
def test_without_numba_matching_is_portable_and_nobody_is_told(missing: str) -> None:
    found = run(f"import sys; sys.modules[{missing!r}] = None\n{MATCH}")

    assert found == [True, "portable"]


def test_numba_that_is_switched_off_is_not_used() -> None:
    found = run(MATCH, NUMBA_DISABLE_JIT="1")

    assert found == [True, "portable"]


@compiled_here
@pytest.mark.parametrize(
    "setting",
    [
        {"NUMBA_CPU_NAME": "generic"},
        {"NUMBA_CPU_FEATURES": "+sse2,-sha"},
        {"NUMBA_CPU_FEATURES": "+aes,+sha,+sse4.1,+ssse3,-aes"},
        # AES works on registers of SSE2, and goes with them.
        {"NUMBA_CPU_FEATURES": "+aes,+sha,+sse4.1,+ssse3,-sse2"},
    ],
)
def test_instructions_that_the_compiler_may_not_use_are_not_asked_for(
    setting: dict[str, str],
) -> None:
    code = """
import json
from cosignal.protocol.matching import available_paths
print(json.dumps(available_paths()))
"""

    assert run(code, **setting) == ["compiled", "portable"]


@native_here
@pytest.mark.parametrize(
    "setting",
    [
        {"NUMBA_CPU_FEATURES": "+sse2,+ssse3,+sse4.1,+aes,+sha"},
        {"NUMBA_ENABLE_AVX": "0"},
    ],
)
def test_without_wide_registers_the_same_is_found(setting: dict[str, str]) -> None:
    assert run(MATCH, **setting) == [True, "native", "compiled", "portable"]


@compiled_here
def test_what_does_not_compile_is_replaced_by_the_next_path() -> None:
    broken = """
import numba

def njit(*arguments, **options):
    raise RuntimeError("the compiler is broken")

numba.njit = njit
"""
    found = run(broken + MATCH)

    assert found == [True, *available_paths()]


@native_here
def test_a_kernel_that_misses_known_hits_is_refused(tmp_path: Path) -> None:
    code = """
import json
from cosignal.protocol.errors import UsageError
from cosignal.protocol.matching import SearchPath, match
from cosignal.protocol.matching.kernels import aes
from tests.protocol.encounters import TEK, TODAY, PlainKey, columns, heard

# What is compiled from now on encrypts other blocks.
aes.PADDING[0] ^= 1
try:
    match(columns([PlainKey(TEK, TODAY, 144)]), heard([(TEK, TODAY)]), path="native")
except UsageError as error:
    print(json.dumps([str(error)]))
"""
    (message,) = run(code, NUMBA_CACHE_DIR=str(tmp_path))

    assert message == "path: expected native to find known hits, got others"


def test_numba_is_not_imported_before_somebody_matches() -> None:
    modules = "cosignal.protocol.matching, cosignal.client.exposures"
    code = f"import json, sys, {modules}, cosignal.server.cli\n"

    assert run(f"{code}print(json.dumps(['numba' in sys.modules]))") == [False]


def test_a_path_that_the_machine_lacks_is_refused_with_advice() -> None:
    code = """
import json, sys
sys.modules["numba"] = None
from cosignal.protocol.errors import UsageError
from cosignal.protocol.matching import SearchPath
from cosignal.protocol.matching import match
from tests.protocol.encounters import TEK, TODAY, PlainKey, columns, heard
key, sightings = PlainKey(TEK, TODAY, 144), heard([(TEK, TODAY)])
try:
    match(columns([key]), sightings, path=SearchPath.NATIVE)
except UsageError as error:
    print(json.dumps([str(error), error.advice]))
"""
    message, advice = run(code)

    assert message == "path: expected one of portable on this machine, got native"
    assert advice == "Install numba with: pip install cosignal[fast]"


@compiled_here
def test_the_kernels_are_read_by_the_second_process_that_matches() -> None:
    code = """
import json
from cosignal.protocol.matching import available_paths
from cosignal.protocol.matching.kernels import variants
kernels = [variants.kernel(path) for path in available_paths()[:-1]]
print(json.dumps([sum(kernel.stats.cache_hits.values()) for kernel in kernels]))
"""
    run(code)

    assert run(code) == [1] * (len(available_paths()) - 1)
