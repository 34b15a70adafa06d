"""Results as columns, DataFrames, CSV and Parquet.

What this module guarantees:

* Columns need numpy only; pandas and pyarrow are asked for where their types are, and
  whoever lacks them is told which extra has them.
"""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from cosignal.protocol.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from cosignal.simulator.results import Results

Columns = Mapping[str, npt.NDArray[Any]]

#: Key of what a Parquet file says about its run.
_ABOUT: Final = b"cosignal"
_EXTRA: Final = "pip install cosignal[frames]"


def daily(results: "Results") -> dict[str, npt.NDArray[np.float64]]:
    """All daily counts.

    Returns:
        Shape (days,) each, by name, `day` first.
    """
    days = np.arange(results.days, dtype=np.float64)
    return {"day": days} | {
        name: rows.sum(axis=1)[: results.days]
        for name, rows in sorted(results.by_age.items())
    }


def frame(rows: Any) -> "DataFrame":  # noqa: ANN401 - whatever pandas takes
    """Make a DataFrame.

    Args:
        rows: Columns by name, or a list of rows.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "to_frame: expected pandas to be installed, got none", advice=_EXTRA
        ) from error
    return pd.DataFrame(rows)


def csv(columns: Columns) -> bytes:
    """Write columns as CSV, whole numbers without a point."""
    text = io.StringIO()
    text.write(",".join(columns) + "\n")
    rows = np.column_stack([np.asarray(column) for column in columns.values()])
    np.savetxt(text, rows, fmt="%.10g", delimiter=",")
    return text.getvalue().encode()


def write_parquet(results: "Results", path: Path, about: bytes) -> None:
    """Write the daily counts as Parquet, with all that is known of the run.

    Args:
        results: Of a run.
        path: Of the file.
        about: JSON, kept in the file's metadata under `cosignal`.

    Raises:
        UsageError: pyarrow is not installed.
    """
    pa, parquet = _arrow()
    table = pa.table(daily(results)).replace_schema_metadata({_ABOUT: about})
    beside = path.with_name(f".{path.name}.part")
    parquet.write_table(table, beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def read_about(path: Path) -> bytes:
    """Read what a Parquet file says about its run.

    Raises:
        UsageError: It is no Parquet file, or says nothing.
    """
    pa, parquet = _arrow()
    try:
        found = parquet.read_schema(path).metadata or {}
    except pa.ArrowInvalid as error:
        raise UsageError(f"{path}: expected a Parquet file, got another") from error
    about: bytes = found.get(_ABOUT, b"")
    return about


def read_columns(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the daily counts of a Parquet file, by name.

    Raises:
        UsageError: Its columns cannot be read.
    """
    pa, parquet = _arrow()
    try:
        table = parquet.read_table(path)
    except pa.ArrowException as error:
        raise UsageError(f"{path}: expected columns, got {error}") from error
    return {name: table[name].to_numpy() for name in table.column_names}


def exact(columns: Columns) -> bytes:
    """Write columns down to the last bit: their names, kinds and values, in order."""
    parts = []
    for name, column in columns.items():
        parts += [f"{name} {column.dtype.str} {len(column)}\n".encode()]
        parts += [np.ascontiguousarray(column).tobytes()]
    return b"".join(parts)


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            "parquet: expected pyarrow to be installed, got none", advice=_EXTRA
        ) from error
    return pa, parquet
