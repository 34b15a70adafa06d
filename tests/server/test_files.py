"""A file is whole or not there, and immutable ones never change."""

import os
from pathlib import Path

import pytest

from cosignal.protocol.errors import FatalError, UsageError
from cosignal.server.storage.files import DurableFiles


def test_a_new_file_is_read_back(tmp_path: Path) -> None:
    files = DurableFiles(tmp_path)

    files.write_new("chain/1/tile/0/000", b"hashes")

    assert files.read("chain/1/tile/0/000") == b"hashes"
    assert files.exists("chain/1/tile/0/000")
    assert files.read("chain/1/tile/0/001") is None


def test_the_same_bytes_again_are_fine(tmp_path: Path) -> None:
    files = DurableFiles(tmp_path)

    files.write_new("a", b"1")
    files.write_new("a", b"1")

    assert files.read("a") == b"1"


def test_other_bytes_under_the_same_name_are_fatal(tmp_path: Path) -> None:
    files = DurableFiles(tmp_path)
    files.write_new("a", b"1")

    with pytest.raises(FatalError, match="immutable"):
        files.write_new("a", b"2")

    assert files.read("a") == b"1"


def test_replace_changes_a_file(tmp_path: Path) -> None:
    files = DurableFiles(tmp_path)
    files.replace("chain/1/checkpoint", b"1")

    files.replace("chain/1/checkpoint", b"2")

    assert files.read("chain/1/checkpoint") == b"2"


def test_an_erased_file_is_gone(tmp_path: Path) -> None:
    files = DurableFiles(tmp_path)
    files.write_new("body/x", b"1")

    assert files.erase("body/x")
    assert not files.erase("body/x")
    assert files.read("body/x") is None


def test_names_lists_files_without_temporaries(tmp_path: Path) -> None:
    files = DurableFiles(tmp_path)
    files.write_many([("e/b", b"1"), ("e/a", b"2"), ("e/f/c", b"3")])
    (tmp_path / "e" / ".d.0.tmp").write_bytes(b"")

    assert files.names("e") == ["a", "b"]
    assert files.names("none") == []


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../b", "a//b", "x.tmp"])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    files = DurableFiles(tmp_path / "public")

    with pytest.raises(UsageError):
        files.read(path)


def test_bytes_and_names_are_synced_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = DurableFiles(tmp_path)
    synced: list[str] = []
    real = os.fsync

    def watch(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", watch)
    files.write_many([("x/a", b"1"), ("x/b", b"2")])

    folders = {str(tmp_path), str(tmp_path / "x")}
    assert len([path for path in synced if path.endswith(".tmp")]) == 2
    assert set(synced[2:]) == folders


def test_a_write_that_fails_leaves_the_old_bytes_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = DurableFiles(tmp_path)
    files.replace("a", b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            files.replace("a", b"new")

    assert files.read("a") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_a_crash_left_half_written_is_swept_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "chain").mkdir()
    (tmp_path / "chain" / ".checkpoint.3.tmp").write_bytes(b"half")

    DurableFiles(tmp_path)

    assert list((tmp_path / "chain").iterdir()) == []
