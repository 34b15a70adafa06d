"""Kernels are kept for the next process, and whatever goes wrong with that is no error.

Tests start real processes; most on a small kernel of their own, which compiles quickly.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from cosignal.protocol.matching import available_paths
from cosignal.protocol.matching.kernels.keeping import KernelStore

pytestmark = pytest.mark.skipif(
    len(available_paths()) == 1, reason="compiled paths: expected numba, found none"
)

PYTHON = [sys.executable, "-B", "-W", "error", "-c"]
PROTOCOL = Path(__file__).parents[2] / "protocol"
KERNEL = """
import json, sys
from pathlib import Path
import numpy as np
from cosignal.protocol.matching.kernels import compiling, keeping

@compiling.part
def added(number):
    return number + 40

def add(teks, needed, bit_filter, rows, hits):
    return added(len(needed))

folders = tuple(map(Path, sys.argv[2:]))
store = keeping.KernelStore(folders, sys.argv[1].encode())
kernel = compiling.kernel(add, "add", store)
rows = np.zeros((2, 3), np.int64)
result = kernel(np.zeros(5, np.uint8), rows, rows[0], rows, rows)
print(json.dumps([result, sum(kernel.stats.cache_hits.values())]))
"""
#: No file may grow beyond a thousand bytes: what a full disk does to a compiled kernel.
FULL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
#: Matches all identifiers of some keys; prints how many were found, and in order.
MATCH = """
import json
from cosignal.protocol.matching import match
from tests.protocol.encounters import TODAY, PlainKey, columns, heard

keys = [PlainKey(bytes([n]) * 16, TODAY, 144) for n in range(9)]
seen = [(key.identifier(n), TODAY + n) for key in keys for n in range(144)]
hits = match(columns(keys), heard(seen))
print(json.dumps([len(hits), hits == sorted(hits)]))
"""


class Outcome(NamedTuple):
    result: int
    #: Kernels that were not compiled but read.
    read: int


Run = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kernels"


def start(
    folders: list[Path], sources: str = "", before: str = ""
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PYTHON, before + KERNEL, sources, *map(str, folders)],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> Outcome:
    printed, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return Outcome(*json.loads(printed))


@pytest.fixture
def run(folder: Path) -> Run:
    def done(*, sources: str = "", before: str = "") -> Outcome:
        return outcome(start([folder], sources, before))

    return done


def kept(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_second_process_reads_what_the_first_one_compiled(run: Run) -> None:
    assert run() == (42, 0)
    assert run() == (42, 1)


def test_a_kernel_of_other_sources_is_replaced(folder: Path, run: Run) -> None:
    run(sources="older")

    assert run(sources="newer") == (42, 0)
    assert run(sources="newer") == (42, 1)
    assert kept(folder).exists()


@pytest.mark.parametrize("module", ["intervals.py", "matching/kernels/aes.py"])
def test_any_changed_module_makes_other_sources(tmp_path: Path, module: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(PROTOCOL, copy, ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "from cosignal.protocol.matching.kernels.keeping import user_store\n"
        "print(user_store().sources.hex())"
    )

    def sources() -> str:
        command = [sys.executable, "-B", "-c", code]
        environment = {"PYTHONPATH": str(copy), "HOME": str(tmp_path)}
        return subprocess.check_output(command, env=environment, text=True)

    before = sources()
    with (copy / "cosignal/protocol" / module).open("a") as file:
        file.write("# One more line.\n")

    assert before != sources()


def test_a_changed_bit_anywhere_is_noticed_and_the_file_deleted(folder: Path) -> None:
    store, code = KernelStore((folder,), b"sources"), bytes(range(250)) * 20

    for seed in range(400):
        store.write("one", code)
        assert store.read("one") == code
        damage(kept(folder), seed)
        assert store.read("one") is None
        assert not [*folder.iterdir()]


def damage(path: Path, seed: int) -> None:
    """Flip one bit, clear a page, or cut the file."""
    rng, data = np.random.default_rng(seed), bytearray(path.read_bytes())
    place = int(rng.integers(len(data)))
    if seed % 4 == 3:
        del data[place:]
    elif seed % 4 == 2:
        first = place // 4096 * 4096
        data[first : first + 4096] = bytes(len(data[first : first + 4096]))
    else:
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_damaged_kernel_loses_no_hit_and_ends_no_process(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # One folder for all seeds, since the kernel compiles for some seconds.
    caches = tmp_path_factory.getbasetemp() / "damaged"

    def matched() -> list[object]:
        done = subprocess.run(
            [*PYTHON, MATCH],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": str(caches)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        found: list[object] = json.loads(done.stdout)
        return found

    assert matched() == [9 * 144, True]
    damage(kept(caches / "cosignal"), seed)

    assert matched() == [9 * 144, True]


def test_a_good_seal_around_what_cannot_be_loaded_is_compiled_anew(
    folder: Path, run: Run
) -> None:
    run()
    KernelStore((folder,), b"").write(kept(folder).name, b"no pickle")

    assert run() == (42, 0)
    assert run() == (42, 1)


@pytest.mark.parametrize("seeds", [(), (0,), (2,)], ids=["none", "bit", "page"])
def test_processes_that_start_at_once_all_have_a_whole_kernel(
    folder: Path, run: Run, seeds: tuple[int, ...]
) -> None:
    for seed in seeds:
        run()
        damage(kept(folder), seed)

    outcomes = [outcome(one) for one in [start([folder]) for _ in range(6)]]

    assert {42} == {one.result for one in outcomes}
    assert kept(folder).exists()
    assert run() == (42, 1)


def test_a_folder_that_cannot_be_made_keeps_nothing(folder: Path, run: Run) -> None:
    folder.write_text("a file where a folder is expected")

    assert run() == (42, 0)
    assert folder.is_file()


def test_the_next_folder_is_taken_where_the_first_cannot_be_made(
    folder: Path, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")

    assert outcome(start([taken, folder])) == (42, 0)
    assert outcome(start([taken, folder])) == (42, 1)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_can_write_is_neither_read_nor_written(
    folder: Path, run: Run, mode: int
) -> None:
    run()
    folder.chmod(mode)

    assert run() == (42, 0)
    kept(folder).unlink()
    assert run() == (42, 0)
    assert not [*folder.iterdir()]


def test_a_folder_that_others_could_replace_is_neither_read_nor_written(
    folder: Path, run: Run
) -> None:
    folder.parent.chmod(0o777)

    assert run() == (42, 0)
    assert not [*folder.iterdir()]


def test_a_kernel_that_others_can_write_is_not_read(folder: Path, run: Run) -> None:
    run()
    kept(folder).chmod(0o666)

    assert run() == (42, 0)
    assert run() == (42, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="owners: expected to be root")
def test_a_folder_of_another_user_is_neither_read_nor_written(
    folder: Path, run: Run
) -> None:
    folder.mkdir()
    os.chown(folder, 12345, 12345)

    assert run() == (42, 0)
    assert not [*folder.iterdir()]


def test_a_full_disk_keeps_nothing(folder: Path, run: Run) -> None:
    assert run(before=FULL_DISK) == (42, 0)
    assert not [*folder.iterdir()]
    assert run() == (42, 0)
    assert run() == (42, 1)
