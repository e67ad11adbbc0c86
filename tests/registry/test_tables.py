"""Tables: truth only grows, also for one who goes to the database directly."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from verilora.registry import Registry
from verilora.registry.engine import writing
from verilora.registry.tables import create_projections, create_truth, drop_projections


@pytest.mark.parametrize("table", ["log", "blobs"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET digest = 'x'"])
def test_truth_only_grows(registry: Registry, make: Any, table: str, change: str) -> None:
    make.admit(registry, make.claim())
    with (
        pytest.raises(DBAPIError, match=f"{table} only grows"),
        writing(registry._engine) as connection,
    ):
        connection.execute(text(change.format(table)))
    assert registry.claim(make.claim().id) is not None


def test_truth_is_made_once_and_projections_again_and_again(registry: Registry, make: Any) -> None:
    make.admit(registry, make.claim())
    with writing(registry._engine) as connection:
        assert create_truth(connection) is False
        drop_projections(connection)
        drop_projections(connection)
        create_projections(connection)
    assert registry.counts().records == 0
    assert registry.rebuild() == 1
    assert registry.counts().records == 1
