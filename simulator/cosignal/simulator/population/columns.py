"""Tables of a user's own: read from CSV, Parquet or a data frame, checked by column.

What this module guarantees:

* CSV and mappings of columns need nothing but this package; Parquet needs pyarrow, and
  says so where it is missing.
* A file is read once: also a pipe, and its digest is of what was taken from it.
* Names have `_LONGEST` characters at most, since each takes the room of the longest.
* What is wrong is named by table, row and column, with what was expected. The first
  wrong row is named; nothing is guessed, nothing left out.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError

Texts = npt.NDArray[np.str_]
Floats = npt.NDArray[np.float64]
#: int64 or texts.
Names = npt.NDArray[Any]

_FRAMES: Final = "Install it with: pip install 'cosignal[frames]'"
#: How frames write what is missing.
_MISSING: Final = ("None", "nan", "NaT", "<NA>")
#: The first row below a header.
_SECOND_LINE: Final = 2
#: Characters of a name.
_LONGEST: Final = 100


@dataclass(frozen=True)
class Table:
    """Columns of one length.

    Attributes:
        name: For messages: a file's name, or "people".
        columns: By name.
        row: What a row is called: "line" in a text file, else "row".
        first: Number of the first row.
    """

    name: str
    columns: dict[str, npt.NDArray[Any]]
    row: str = "row"
    first: int = 1

    def has(self, column: str) -> bool:
        """Whether there is such a column."""
        return column in self.columns

    def at(self, index: int) -> str:
        """Name a row in a message."""
        return f"{self.name}, {self.row} {index + self.first}"

    def need(self, *columns: str) -> None:
        """Refuse the table if one of some columns is missing.

        Raises:
            UsageError: It names the column and those that there are.
        """
        for column in columns:
            if column not in self.columns:
                raise UsageError(
                    f"{self.name}: expected a column {column!r}, "
                    f"got {', '.join(self.columns) or 'none'}",
                    advice=f"Add or rename it; needed are {', '.join(columns)}.",
                )
        if not len(self.columns[columns[0]]):
            raise UsageError(f"{self.name}: expected a row at least, got none")

    def ids(self, column: str) -> Names:
        """Names of things, one in each row: whole numbers, or texts.

        Args:
            column: Its name.

        Raises:
            UsageError: A value is missing.
        """
        whole = _whole(self.columns[column])
        if whole is not None:
            return whole
        texts = self.texts(column)
        first_where(
            texts == "",
            lambda index: UsageError(
                f"{self.at(index)}: expected {column!r}, got nothing",
                advice="Fill the gap or leave the row out.",
            ),
        )
        return texts

    def texts(self, column: str) -> Texts:
        """Values as texts; "" where there is none.

        Raises:
            UsageError: One is too long.
        """
        values = self.columns[column]
        if values.dtype.kind == "O":
            self.refuse_long(column, values.tolist())
        return _texts(values)

    def refuse_long(self, column: str, values: Sequence[Any]) -> None:
        """Refuse names that are too long.

        Args:
            column: Of which.
            values: All of them, as objects.

        Raises:
            UsageError: It names the row.
        """
        long = (i for i, value in enumerate(values) if _length(value) > _LONGEST)
        index = next(long, None)
        if index is not None:
            raise UsageError(
                f"{self.at(index)}: expected {column!r} of at most {_LONGEST} "
                f"characters, got {_length(values[index])}",
                advice="Give shorter names; a quote that is not closed makes one long.",
            )

    def numbers(self, column: str, low: float, high: float, *, whole: bool) -> Floats:
        """Numbers in a range.

        Args:
            column: Its name.
            low: Least.
            high: Greatest.
            whole: Whether they must be whole.

        Raises:
            UsageError: A value is missing, no number, or out of range.
        """
        values = _numbers(self.columns[column])
        with np.errstate(invalid="ignore"):
            bad = ~((values >= low) & (values <= high))
        if whole:
            bad |= values != np.floor(values)
        kind = "a whole number" if whole else "a number"
        first_where(
            bad,
            lambda index: UsageError(
                f"{self.at(index)}: expected {column!r} as {kind} from {low:g} to "
                f"{high:g}, got {self.texts(column)[index] or 'nothing'}",
                advice="Correct the value, or leave the row out.",
            ),
        )
        return values


def table(source: Any, name: str) -> Table:  # noqa: ANN401 - frames of any library
    """Take a table out of whatever holds it.

    Args:
        source: A `Table`; a path of a `.csv` or `.parquet` file; a data frame or an
            Arrow table; a mapping of columns.
        name: For messages.

    Raises:
        UsageError: It is none of these, or the columns are not of one length.
    """
    if isinstance(source, Table):
        return source
    if isinstance(source, str | Path):
        return read_table(Path(source), contents(source))
    names = getattr(source, "column_names", None) or getattr(source, "columns", None)
    if names is None and hasattr(source, "keys"):
        names = source.keys()
    if names is None or callable(names):
        raise UsageError(
            f"{name}: expected a data frame, a mapping of columns or a path, "
            f"got {type(source).__name__}"
        )
    columns = {str(key): np.asarray(source[key]) for key in names}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"{name}: expected columns of one length, got {lengths}")
    return Table(name, columns)


def contents(path: str | Path) -> bytes:
    """Read a file, or a pipe, whole.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # of a path with a zero character
        raise UsageError(
            f"{path}: expected a file of people or a network, got "
            f"{getattr(error, 'strerror', None) or error}",
            advice="Paths in a scenario are relative to its folder; others to where "
            "the program runs.",
        ) from error


def read_table(path: Path, data: bytes) -> Table:
    """Take a table out of what a file holds.

    Args:
        path: Of the file; CSV unless it ends with `.parquet`.
        data: Its contents.

    Raises:
        UsageError: They are something else, or pyarrow is not installed.
    """
    read = read_parquet if path.suffix == ".parquet" else read_csv
    return read(path, data)


def read_csv(path: Path, data: bytes | None = None) -> Table:
    """Read a text of columns, with names in the first line; blank last lines are fine.

    Args:
        path: Of the file, for messages.
        data: Its contents; read if None.

    Raises:
        UsageError: There is no such file, a line has too few or too many values, or
            one of them is too long.
    """
    names, rows = _csv_rows(path, contents(path) if data is None else data)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    found = Table(path.name, {}, row="line", first=_SECOND_LINE)
    for name, column in zip(names, columns, strict=True):
        found.refuse_long(name, column)
        found.columns[name] = np.array(column, np.str_)
    return found


def _csv_rows(path: Path, data: bytes) -> tuple[list[str], list[list[str]]]:
    """Names of columns, and as many values in each row."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
    try:
        header, *rows = list(csv.reader(text)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path.name}: expected CSV in UTF-8, got {error}",
            advice="Save it again as CSV in UTF-8.",
        ) from error
    names = [name.strip() for name in header]
    if len(set(names)) != len(names):
        raise UsageError(f"{path.name}: expected each column once, got {names}")
    while rows and not rows[-1]:
        rows.pop()
    for index, row in enumerate(rows):
        if len(row) != len(names):
            raise UsageError(
                f"{path.name}, line {index + _SECOND_LINE}: expected {len(names)} "
                f"values, got {len(row)}",
                advice="Quote values that have commas; end no line early.",
            )
    return names, rows


def read_parquet(path: Path, data: bytes | None = None) -> Table:
    """Read a Parquet file.

    Args:
        path: Of the file, for messages.
        data: Its contents; read if None.

    Raises:
        UsageError: There is no such file, or pyarrow is not installed.
    """
    try:
        from pyarrow import BufferReader, parquet  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            f"{path.name}: expected pyarrow to read Parquet, got none", advice=_FRAMES
        ) from error
    held = contents(path) if data is None else data
    try:
        found = parquet.read_table(BufferReader(held))
    except (ValueError, OSError) as error:
        # What pyarrow raises is a ValueError, too.
        raise UsageError(
            f"{path.name}: expected a Parquet file, got another"
        ) from error
    return Table(path.name, table(found, path.name).columns)


def _whole(values: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """Whole numbers, if all are, and none is written in another way, as 007 is."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind == "U":
        try:
            found = values.astype(np.int64)
        except (ValueError, OverflowError):
            return None
        return found if (found.astype(values.dtype) == values).all() else None
    return None


def alike(one: Names, other: Names) -> tuple[Names, Names]:
    """Make numbers texts where only one of two columns has numbers."""
    if one.dtype.kind == other.dtype.kind:
        return one, other
    return one.astype(np.str_), other.astype(np.str_)


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes) else 0


def _texts(values: npt.NDArray[Any]) -> Texts:
    if values.dtype.kind in "iu":
        return values.astype(np.str_)
    if values.dtype.kind == "U":
        return np.char.strip(values)
    return np.array([_text(value) for value in values.tolist()], np.str_)


def _text(value: Any) -> str:  # noqa: ANN401 - whatever a frame holds
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return "" if not isinstance(value, str) and text in _MISSING else text


def _numbers(values: npt.NDArray[Any]) -> Floats:
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return np.array([_number(value) for value in values.tolist()])


def _number(value: Any) -> float:  # noqa: ANN401 - whatever a frame holds
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def first_where(
    found: npt.NDArray[np.bool_], complain: Callable[[int], UsageError]
) -> None:
    """Raise what a function makes of the first row in question, if there is one."""
    if found.any():
        raise complain(int(np.argmax(found)))


def one_of(names: Sequence[str]) -> str:
    """List what may stand somewhere."""
    return " or ".join(repr(name) for name in names)
