import math
import resource
from pathlib import Path

import numpy as np
import pytest

from cosignal.protocol.errors import UsageError
from cosignal.simulator.experiments.jobs import Outcome
from cosignal.simulator.experiments.kept import Kept

OUTCOME = Outcome(
    {"deaths": 3.0, "ppv": math.nan, "r": 0.1 + 0.2},
    {"infections": np.array([1.0, 2.0, 0.5])},
)


def test_a_run_is_found_again_to_the_last_digit(tmp_path: Path) -> None:
    Kept(tmp_path / "runs").add("a", OUTCOME)

    found = Kept(tmp_path / "runs").get("a")

    assert found is not None
    assert repr(dict(OUTCOME.summary)) == repr(dict(found.summary))
    assert OUTCOME.series["infections"].tolist() == found.series["infections"].tolist()


def test_a_line_that_a_crash_cut_off_is_done_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.add("a", OUTCOME)
    kept.add("b", OUTCOME)
    path = tmp_path / "runs.jsonl"
    path.write_bytes(path.read_bytes()[:-20])

    again = Kept(tmp_path)
    again.add("c", OUTCOME)

    assert again.get("b") is None
    assert [Kept(tmp_path).get(key) is None for key in "abc"] == [False, True, False]


def test_a_line_that_a_full_disk_cut_off_spoils_no_other(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.add("a", OUTCOME)
    size = (tmp_path / "runs.jsonl").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            kept.add("b", OUTCOME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    kept.add("c", OUTCOME)

    assert [Kept(tmp_path).get(key) is None for key in "abc"] == [False, True, False]


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text("[1]\n")

    with pytest.raises(UsageError, match=r"runs\.jsonl:1: expected a finished run"):
        Kept(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()

    with pytest.raises(UsageError, match="expected a folder for finished runs"):
        Kept(tmp_path / "runs")
