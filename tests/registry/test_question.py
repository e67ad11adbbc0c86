"""A question asked twice is the same statement; lists of any length; faults as SQLAlchemy's."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam, select, text

from verilora.errors import RegistryError
from verilora.registry import Registry, tables
from verilora.registry.engine import reading
from verilora.registry.question import Question


@pytest.mark.parametrize("count", [0, 1, 2, 8, 9, 64, 65, 513])
def test_every_key_of_a_list_is_asked_for(registry: Registry, make: Any, count: int) -> None:
    log = tables.log
    make.admit(registry, make.claim())
    one = Question(select(log.c.sequence), among=log.c.digest)
    with reading(registry._engine) as connection:
        digest = connection.execute(select(log.c.digest)).scalar_one()
        keys = [f"no{number}" for number in range(count)]
        assert one.ask_among(connection, keys) == []
        assert [row.sequence for row in one.ask_among(connection, [*keys, digest])] == [1]
        assert len(one.ask_among(connection, [digest, digest])) == 1


def test_values_are_given_by_name_and_are_no_syntax(registry: Registry) -> None:
    about = tables.about
    told = Question(select(about.c.value).where(about.c.name == bindparam("name")).limit(1))
    with reading(registry._engine) as connection:
        assert told.ask(connection, name="format")[0].value == tables.FORMAT
        assert told.ask(connection, name="' OR 1=1 --") == []


def test_a_fault_of_the_database_is_told_as_ever(small: Registry) -> None:
    lost = Question(text("SELECT * FROM nowhere"))
    with pytest.raises(RegistryError, match="nowhere"), reading(small._engine) as connection:
        lost.ask(connection)
