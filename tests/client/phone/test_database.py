import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.client.phone.database import ClosedError, Database, _overwrite
from cosignal.protocol.errors import FatalError, RefusedError, UsageError

SCHEMA = "CREATE TABLE secret (id INTEGER PRIMARY KEY, data BLOB NOT NULL)"
#: What `sys.settrace` takes and gives.
TraceFunction = Any
CANARY = b"canary-of-a-phone" * 8


def database(path: Path) -> Database:
    return Database(path / "phone", [SCHEMA])


def put(opened: Database, data: bytes) -> None:
    with opened.write() as connection:
        connection.execute("INSERT INTO secret (data) VALUES (?)", (data,))


def put_and_fail(opened: Database) -> None:
    with opened.write():
        put(opened, b"half")
        raise ZeroDivisionError


def held(opened: Database) -> list[tuple[object, ...]]:
    return opened.read("SELECT data FROM secret ORDER BY id")


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    opened = database(tmp_path)
    put(opened, b"1")
    opened.close()

    assert held(database(tmp_path)) == [(b"1",)]


def test_a_change_that_fails_halfway_is_not_made(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with pytest.raises(ZeroDivisionError):
        put_and_fail(opened)

    assert held(opened) == []
    put(opened, b"2")
    assert held(opened) == [(b"2",)]


def test_a_change_inside_a_change_is_part_of_it(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with pytest.raises(ZeroDivisionError):
        put_and_fail(opened)

    assert held(opened) == []


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    opened = database(tmp_path)

    with pytest.raises(RefusedError, match="in use"):
        database(tmp_path)

    opened.close()
    database(tmp_path).close()


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.client.phone.test_database import database, put
opened = database(Path(sys.argv[1]))
put(opened, b"kept")
with opened.write():
    put(opened, b"lost")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_leaves_what_it_committed(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)

    assert done.returncode == -9
    assert held(database(tmp_path)) == [(b"kept",)]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    put(database(tmp_path), b"1")

    assert {oct(item.stat().st_mode & 0o777) for item in tmp_path.iterdir()} == {
        oct(0o600)
    }


def test_what_is_erased_is_overwritten(tmp_path: Path) -> None:
    opened = database(tmp_path)
    put(opened, CANARY)
    with opened.write() as connection:
        connection.execute("DELETE FROM secret")
    opened.close()

    assert CANARY not in (tmp_path / "phone").read_bytes()


def test_destroying_leaves_no_file_and_no_bytes(tmp_path: Path) -> None:
    opened = database(tmp_path)
    put(opened, CANARY)
    copy = tmp_path / "hard-link"
    os.link(tmp_path / "phone", copy)

    opened.destroy()

    assert [copy] == list(tmp_path.iterdir())
    assert CANARY not in copy.read_bytes()


def test_a_file_that_is_no_phones_is_refused_and_kept(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "phone")
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    before = (tmp_path / "phone").read_bytes()

    with pytest.raises(RefusedError, match="a phone's state"):
        database(tmp_path)

    assert before == (tmp_path / "phone").read_bytes()


def test_another_version_is_refused(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with opened.write() as connection:
        connection.execute("PRAGMA user_version = 99")
    opened.close()

    with pytest.raises(RefusedError, match="version 1, got 99"):
        database(tmp_path)


@given(st.binary(min_size=1, max_size=5000))
def test_any_other_file_is_refused_and_kept(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("phone")
    (folder / "phone").write_bytes(data)

    with pytest.raises((FatalError, RefusedError)):
        database(folder)

    assert data == (folder / "phone").read_bytes()


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    opened = database(tmp_path)
    for _ in range(50):
        put(opened, CANARY)
    opened.close()
    data = bytearray((tmp_path / "phone").read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    (tmp_path / "phone").write_bytes(data)

    with pytest.raises(FatalError, match="to be whole") as caught:
        database(tmp_path)

    assert "delete it" in caught.value.advice


def test_a_mistake_of_the_app_does_not_blame_the_file(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with pytest.raises(UsageError, match="values that fit"), opened.write() as change:
        change.execute("INSERT INTO secret (data) VALUES (NULL)")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="to open, got: No such file"):
        Database(tmp_path / "missing" / "phone", [SCHEMA])


def interrupted_put(opened: Database, line: int) -> bool:
    """Write, and interrupt at the so-manieth line of `write`; say if there is one."""
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction:
        nonlocal lines
        if frame.f_code is Database.write.__wrapped__.__code__:  # type: ignore[attr-defined]
            lines += event == "line"
            if lines == line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        put(opened, b"interrupted")
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_an_interrupt_at_any_line_leaves_nothing_open(tmp_path: Path) -> None:
    opened = database(tmp_path)
    lines = 0

    while interrupted_put(opened, lines + 1):
        lines += 1
        put(opened, b"kept")

    assert lines > 5
    assert held(opened).count((b"kept",)) == lines


def test_a_transaction_that_was_left_open_is_taken_back(tmp_path: Path) -> None:
    opened = database(tmp_path)
    opened._connection.execute("BEGIN IMMEDIATE")
    opened._connection.execute("INSERT INTO secret (data) VALUES (x'00')")

    put(opened, b"kept")

    assert held(opened) == [(b"kept",)]


def test_what_was_erased_is_gone_from_the_journal_after_scrubbing(
    tmp_path: Path,
) -> None:
    opened = database(tmp_path)
    put(opened, CANARY)
    with opened.write() as connection:
        connection.execute("DELETE FROM secret")
    assert CANARY in raw(tmp_path)

    opened.scrub()

    assert CANARY not in raw(tmp_path)


def test_what_a_killed_process_left_in_the_journal_goes_with_opening(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", KILLED_AFTER_ERASING, str(tmp_path)]
    subprocess.run(command, check=False)
    assert CANARY in raw(tmp_path)

    opened = database(tmp_path)

    assert CANARY not in raw(tmp_path)
    assert held(opened) == []


KILLED_AFTER_ERASING = """
import os, signal, sys
from pathlib import Path
from tests.client.phone.test_database import CANARY, database, put
opened = database(Path(sys.argv[1]))
put(opened, CANARY)
with opened.write() as connection:
    connection.execute("DELETE FROM secret")
os.kill(os.getpid(), signal.SIGKILL)
"""


def raw(folder: Path) -> bytes:
    """Every byte of the file and its journal."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file can grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_does_not_keep_anybody_from_destroying(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with opened.write():
        for number in range(2000):
            put(opened, CANARY + bytes(number % 200))
    opened.scrub()
    copy = tmp_path / "hard-link"
    os.link(tmp_path / "phone", copy)
    size = copy.stat().st_size

    # The journal of such a change is larger than the file.
    with full_disk(size):
        opened.destroy()

    assert [copy] == list(tmp_path.iterdir())
    assert copy.read_bytes() == b""


def test_overwriting_in_place_leaves_zeros(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CANARY * 1000)
    with (tmp_path / "file").open("rb+") as file:
        _overwrite(file.fileno())

    assert (tmp_path / "file").read_bytes() == bytes(len(CANARY) * 1000)


def test_a_closed_file_says_so_and_is_not_called_damaged(tmp_path: Path) -> None:
    opened = database(tmp_path)
    opened.close()

    for call in (lambda: held(opened), lambda: put(opened, b"1"), opened.destroy):
        with pytest.raises(ClosedError, match="closed"):
            call()


def test_a_file_that_is_closed_inside_a_change_says_so(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with pytest.raises(ClosedError, match="closed"), opened.write():
        opened.close()

    assert held(database(tmp_path)) == []


CHECKED = "CREATE TABLE few (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0)) STRICT"


def damaged(folder: Path) -> None:
    """Make a file in which one value of `few` cannot be."""
    opened = Database(folder / "phone", [SCHEMA, CHECKED])
    put(opened, b"kept")
    opened._connection.execute("PRAGMA ignore_check_constraints = ON")
    with opened.write() as connection:
        connection.execute("INSERT INTO few (n) VALUES (-1)")
    opened.close()


def test_a_value_that_cannot_be_is_damage(tmp_path: Path) -> None:
    damaged(tmp_path)

    with pytest.raises(FatalError, match="to be whole"):
        Database(tmp_path / "phone", [SCHEMA, CHECKED])


def test_a_table_that_means_little_is_given_up_where_it_is_damaged(
    tmp_path: Path,
) -> None:
    damaged(tmp_path)

    opened = Database(tmp_path / "phone", [SCHEMA, CHECKED], expendable=["few"])

    assert opened.given_up == ("few",)
    assert held(opened) == [(b"kept",)]
    assert opened.read("SELECT n FROM few") == []


def test_text_that_is_none_is_damage_and_no_lack_of_room(tmp_path: Path) -> None:
    opened = database(tmp_path)
    with pytest.raises(FatalError, match="to be whole"):
        opened.read("SELECT CAST(x'ff' AS TEXT)")
