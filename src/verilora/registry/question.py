"""Questions that are asked often: their SQL is made once, and rows come as the driver gives them.

SQLAlchemy spends a tenth of a millisecond on each statement, the database a hundredth.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Executable, Select, bindparam
from sqlalchemy.exc import DBAPIError

_SIZES = (1, 8, 64, 512)
"""Of the lists of keys that statements are made for; a shorter list is filled up."""


class _Made(NamedTuple):
    """A statement for one kind of database."""

    sql: str
    names: tuple[str, ...] | None
    """Of the values in their order; None where the driver takes them by name."""
    values: dict[str, Any]
    """That are fixed."""


class Question:
    """A statement of Core with named parameters. Rows are named tuples without conversion: a truth
    value is 0 or 1 in SQLite."""

    def __init__(self, statement: Executable, *, among: Column[Any] | None = None) -> None:
        self._statement, self._among = statement, among
        self._made: dict[tuple[str, int], _Made] = {}
        self._row: Any = None

    def ask(self, connection: Connection, **given: Any) -> list[Any]:
        """The rows. Raises as SQLAlchemy does."""
        return self._asked(connection, 0, given=given)

    def ask_among(self, connection: Connection, keys: Iterable[Any], **given: Any) -> list[Any]:
        """The rows in which the column `among` is one of the keys, in no order."""
        listed, rows = list(dict.fromkeys(keys)), []
        for start in range(0, len(listed), _SIZES[-1]):
            some = listed[start : start + _SIZES[-1]]
            size = next(size for size in _SIZES if size >= len(some))
            some += [some[-1]] * (size - len(some))
            named = {f"key{place}": key for place, key in enumerate(some)}
            rows += self._asked(connection, size, given=given | named)
        return rows

    def _asked(self, connection: Connection, size: int, *, given: dict[str, Any]) -> list[Any]:
        dialect = connection.dialect
        made = self._made.get((dialect.name, size)) or self._make(dialect, size)
        values: Any = made.values | given
        if made.names is not None:
            values = [values[name] for name in made.names]
        cursor = connection.connection.cursor()
        try:
            found: Sequence[Any] = cursor.execute(made.sql, values).fetchall()
            return list(map(self._shape(cursor)._make, found))
        except dialect.loaded_dbapi.Error as error:
            told: Any = DBAPIError.instance(
                made.sql, None, error, dialect.loaded_dbapi.Error, dialect=dialect
            )
            raise told from error
        finally:
            cursor.close()

    def _make(self, dialect: Any, size: int) -> _Made:
        statement: Any = self._statement
        if size:
            assert isinstance(statement, Select) and self._among is not None
            keys = [bindparam(f"key{place}", type_=self._among.type) for place in range(size)]
            statement = statement.where(self._among.in_(keys))
        compiled = statement.compile(dialect=dialect)
        names = tuple(compiled.positiontup) if compiled.positional else None
        made = _Made(str(compiled), names, dict(compiled.params))
        self._made[dialect.name, size] = made
        return made

    def _shape(self, cursor: Any) -> Any:
        if self._row is None:
            names = [column[0] for column in cursor.description]
            self._row = namedtuple("Row", names, rename=True)  # pyright: ignore
        return self._row
