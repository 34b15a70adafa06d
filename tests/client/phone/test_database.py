import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.client.phone.database import Database
from cosignal.protocol.errors import FatalError, RefusedError, UsageError

SCHEMA = "CREATE TABLE secret (id INTEGER PRIMARY KEY, data BLOB NOT NULL)"
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
    opened.close()

    with pytest.raises(UsageError, match="expected to be open"):
        held(opened)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="to open, got: No such file"):
        Database(tmp_path / "missing" / "phone", [SCHEMA])
