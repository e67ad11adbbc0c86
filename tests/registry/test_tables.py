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


@pytest.mark.parametrize(
    "change",
    [
        "REPLACE INTO blobs SELECT digest, X'7B7D' FROM blobs",
        "REPLACE INTO log SELECT sequence, digest, 'x', X'7B7D', kind, admitted_at, state, key_ids"
        " FROM log",
        "REPLACE INTO log SELECT 9, digest, envelope_digest, X'7B7D', kind, admitted_at, state,"
        " key_ids FROM log",
        "INSERT INTO blobs SELECT * FROM blobs WHERE true"
        " ON CONFLICT (digest) DO UPDATE SET content = X'7B7D'",
    ],
)
def test_truth_is_not_replaced(small: Registry, make: Any, change: str) -> None:
    make.admit(small, make.claim())
    before = small.envelope(make.claim().digest), small.payload(make.claim().digest)
    with pytest.raises(DBAPIError, match="only grows"), writing(small._engine) as connection:
        connection.exec_driver_sql(change)
    assert (small.envelope(make.claim().digest), small.payload(make.claim().digest)) == before
    assert all(before)


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
