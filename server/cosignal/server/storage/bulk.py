"""Many rows in few statements.

SQLite's driver gives up and takes back Python's lock with every statement that it
runs; beside a busy event loop each of these hand-overs can cost milliseconds, so one
statement takes many rows. Statements come in a few fixed sizes, which the driver's
cache holds ready parsed.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import BindParameter, Table, bindparam, insert, select
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import FromClause

_ROWS = (256, 16, 1)
_VALUES = (1, 16, 256, 1024, 4096, 16_384)


async def insert_rows(
    connection: AsyncConnection, table: Table, rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows.

    Args:
        connection: In a write transaction.
        table: Where to.
        rows: Values in the order of the table's columns.
    """
    place = 0
    for size in _ROWS:
        end = len(rows) - (len(rows) - place) % size
        if end > place:
            statement = _insert_statement(table, size, connection.dialect)
            values = tuple(chain.from_iterable(rows[place:end]))
            step = size * len(table.columns)
            await connection.exec_driver_sql(
                statement,
                [values[at : at + step] for at in range(0, len(values), step)],
            )
            place = end


async def select_known(
    connection: AsyncConnection,
    source: FromClause,
    column: str,
    values: Sequence[bytes],
) -> list[tuple[Any, ...]]:
    """Find the rows whose column has one of these values.

    Args:
        connection: Any.
        source: A table or subquery.
        column: Name of a binary column of it, which is never empty.
        values: What to look for.

    Returns:
        The rows, in the order of the source's columns.
    """
    found: list[tuple[Any, ...]] = []
    for place in range(0, len(values), _VALUES[-1]):
        part = values[place : place + _VALUES[-1]]
        size = next(size for size in _VALUES if size >= len(part))
        statement = _select_statement(source, column, size, connection.dialect)
        # What is missing to the fixed size is filled with a value nothing has.
        padded = (*part, *[b""] * (size - len(part)))
        rows = await connection.exec_driver_sql(statement, padded)
        found += [tuple(row) for row in rows]
    return found


@lru_cache(maxsize=64)
def _insert_statement(table: Table, rows: int, dialect: Dialect) -> str:
    values: list[dict[str, BindParameter[Any]]] = [
        {column.name: bindparam(f"{column.name}_{row}") for column in table.columns}
        for row in range(rows)
    ]
    return str(insert(table).values(values).compile(dialect=dialect))


@lru_cache(maxsize=64)
def _select_statement(
    source: FromClause, column: str, values: int, dialect: Dialect
) -> str:
    wanted = source.c[column]
    names: list[BindParameter[bytes]] = [
        bindparam(f"value_{number}") for number in range(values)
    ]
    return str(select(source).where(wanted.in_(names)).compile(dialect=dialect))
