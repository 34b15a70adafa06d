"""Single files: whole or not there, and never through somebody's link."""

import os
import threading
from pathlib import Path

import pytest

from cosignal.client.atomic_files import (
    create_file,
    locked,
    replace_file,
    write_temporary,
)


def contents(folder: Path) -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in folder.iterdir()}


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b"old")
    path.chmod(0o640)

    replace_file(path, b"new")

    assert contents(tmp_path) == {"record": b"new"}
    assert path.stat().st_mode & 0o7777 == 0o640


def test_a_link_that_lies_in_wait_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    record = tmp_path / "record"
    record.write_bytes(b"old")
    (tmp_path / ".record.tmp").symlink_to(victim)
    (tmp_path / "temporary").symlink_to(victim)

    replace_file(record, b"new")
    write_temporary(tmp_path / "temporary", b"new")

    assert contents(tmp_path) == {
        "victim": b"precious",
        "record": b"new",
        "temporary": b"new",
    }


def test_what_a_link_leads_to_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "record", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)

    replace_file(link, b"new")

    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_only_a_file_that_exists_is_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "record", b"new")
    assert contents(tmp_path) == {}


def test_a_new_file_takes_no_other_ones_place(tmp_path: Path) -> None:
    create_file(tmp_path / "record", b"new")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    for name in ("record", "link"):
        with pytest.raises(FileExistsError):
            create_file(tmp_path / name, b"newer")
    assert (tmp_path / "record").read_bytes() == b"new"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("write", [create_file, replace_file])
def test_bytes_and_name_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object
) -> None:
    assert callable(write)
    path, synced = tmp_path / "record", list[str]()
    if write is replace_file:
        path.write_bytes(b"old")
    real = os.fsync

    def watch(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", watch)
    write(path, b"new")

    assert len(synced) == 2
    assert str(tmp_path) == synced[-1]


@pytest.mark.parametrize("write", [create_file, replace_file])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object
) -> None:
    assert callable(write)
    path = tmp_path / "record"
    if write is replace_file:
        path.write_bytes(b"old")
    before = contents(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            write(path, b"new")

    assert before == contents(tmp_path)


def test_who_reads_and_writes_in_one_go_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b"")

    def add(number: int) -> None:
        for _ in range(20):
            with locked(path):
                replace_file(path, path.read_bytes() + bytes([number]))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [path.read_bytes().count(number) for number in range(4)] == [20] * 4
