"""Kernels are kept for the next process, and whatever goes wrong with that is no error.

Tests start real processes on a small kernel of their own, which compiles quickly.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from cosignal.protocol.matching import available_paths

pytestmark = pytest.mark.skipif(
    len(available_paths()) == 1, reason="compiled paths: expected numba, found none"
)

PACKAGE = "cosignal.protocol.matching"
KERNEL = """
import json, sys
import numpy as np
from cosignal.protocol.matching.kernels import compiling
import addition

def add(teks, needed, bit_filter, rows, hits):
    return addition.added(len(needed))

kernel = compiling.kernel(add, (addition, sys.modules[__name__]))
rows = np.zeros((2, 3), np.int64)
result = kernel(np.zeros(5, np.uint8), rows, rows[0], rows, rows)
print(json.dumps([result, sum(kernel.stats.cache_hits.values())]))
"""
ADDITION = """
from cosignal.protocol.matching.kernels.compiling import part

@part
def added(number):
    return number + {term}
"""
#: No file may grow beyond a thousand bytes: what a full disk does to a compiled kernel.
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"


class Outcome(NamedTuple):
    result: int
    #: Kernels that were not compiled but read.
    read: int


Run = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kernel.py").write_text(KERNEL)
    (tmp_path / "addition.py").write_text(ADDITION.format(term=40))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    # The project's own folders for caches must not be found.
    home = folder / "home"

    def start(before: str = "") -> Outcome:
        paths = os.pathsep.join([str(folder), *sys.path])
        done = subprocess.run(
            [sys.executable, "-B", "-W", "error", "-c", f"{before}\nimport kernel"],
            env={"PYTHONPATH": paths, "HOME": str(home), "XDG_CACHE_HOME": str(home)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert done.stderr == ""
        return Outcome(*json.loads(done.stdout))

    return start


@pytest.mark.parametrize("name", ["compiled", "native"])
def test_a_kernel_names_every_module_that_it_is_made_of(name: str) -> None:
    kernel = import_module(f"{PACKAGE}.kernels.{name}")

    assert {module.__name__ for module in kernel.SOURCES} == imported(kernel.__name__)


def imported(name: str) -> set[str]:
    """Modules of the package that a module imports, and that those import."""
    found: set[str] = set()
    left = [name]
    while left:
        source = Path(str(import_module(left.pop()).__file__)).read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module:
                new = set(modules(node)) - found
                found |= new
                left += new
    return found


def modules(node: ast.ImportFrom) -> Iterator[str]:
    """What `from a.b import c` means: a.b.c if that is a module, else a.b."""
    for item in node.names:
        whole = f"{node.module}.{item.name}"
        name = whole if whole in sys.modules else str(node.module)
        if name.startswith(f"{PACKAGE}."):
            yield name


def test_a_second_process_reads_what_the_first_one_compiled(run: Run) -> None:
    assert run() == (42, 0)
    assert run() == (42, 1)


def test_a_kernel_of_older_sources_is_not_read(folder: Path, run: Run) -> None:
    run()
    # Numba itself looks at the kernel's own file only.
    (folder / "addition.py").write_text(ADDITION.format(term=70))

    assert run() == (72, 0)


@pytest.mark.parametrize(("kind", "left"), [("*.nbi", 0), ("*.nbc", 100)])
def test_a_damaged_file_is_replaced(
    folder: Path, run: Run, kind: str, left: int
) -> None:
    run()
    (kept,) = folder.rglob(kind)
    kept.write_bytes(kept.read_bytes()[:left])

    assert run() == (42, 0)
    assert run() == (42, 1)


def test_folders_that_cannot_be_written_keep_nothing(folder: Path, run: Run) -> None:
    for name in ("__pycache__", "home"):
        (folder / name).write_text("a file where a folder is expected")

    assert run() == (42, 0)
    assert not [*folder.rglob("*.nb?")]


def test_a_full_disk_keeps_nothing(folder: Path, run: Run) -> None:
    assert run(FULL_DISK) == (42, 0)
    assert not [*folder.rglob("*.nbc")]
    assert run() == (42, 0)
    assert run() == (42, 1)
