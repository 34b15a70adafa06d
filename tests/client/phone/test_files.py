from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosignal.client.folders import Files, Folder
from cosignal.client.phone.database import Database
from cosignal.client.phone.files import SCHEMA, DatabaseFiles


def both(folder: Path) -> tuple[Files, Files]:
    """The same empty place twice: a real folder, and a database."""
    (folder / "files").mkdir()
    database = Database(folder / "phone", [SCHEMA])
    return Folder(folder / "files"), DatabaseFiles(database)


paths = st.sampled_from(
    ["a", "b/c", "b/d", "b/e/f", "b.p/1", "chain/1/x", ".cosignal/state.json"]
)
folders = st.sampled_from(["b", "b/e", "chain", "chain/1", "nowhere"])
changes = st.lists(
    st.tuples(st.just("put"), paths, st.binary(max_size=9))
    | st.tuples(st.just("erase"), paths, st.just(b""))
    | st.tuples(
        st.just("erase_folder"), st.sampled_from(["b.p", "chain/1"]), st.just(b"")
    ),
    max_size=12,
)


@given(changes)
def test_the_database_keeps_files_as_a_folder_does(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, str, bytes]]
) -> None:
    folder, database = both(tmp_path_factory.mktemp("both"))
    for change, path, data in history:
        for place in (folder, database):
            if change == "put":
                place.put(path, data)
            else:
                getattr(place, change)(path)

    def seen(place: Files) -> object:
        names = [
            "a",
            "b/c",
            "b/d",
            "b/e/f",
            "b.p/1",
            "chain/1/x",
            ".cosignal/state.json",
        ]
        return (
            [(place.has(name), place.read(name)) for name in names],
            [list(place.files(name)) for name in ("b", "chain")],
            sorted(place.files()),
            place.names("chain/1"),
            place.names("nowhere"),
        )

    assert seen(folder) == seen(database)


def test_erasing_says_whether_there_was_a_file(tmp_path: Path) -> None:
    _, files = both(tmp_path)
    files.put("a", b"1")

    assert [files.erase("a"), files.erase("a")] == [True, False]


def test_several_files_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    _, files = both(tmp_path)

    def half() -> object:
        yield "a", b"1"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        files.put_all(half())  # type: ignore[arg-type]

    assert not files.has("a")


def test_a_person_is_told_the_file_and_the_place_in_it(tmp_path: Path) -> None:
    _, files = both(tmp_path)

    assert files.where("chain/evidence") == f"{tmp_path}/phone, file chain/evidence"
