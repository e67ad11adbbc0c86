"""Made again from blobs and log: what was changed by another hand is mended, or found."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import RegistryError
from verilora.registry import Registry, open_registry


def test_changed_projections_are_mended(registry: Registry, make: Any, rows_of: Any) -> None:
    digest = make.admit(registry, make.claim("A", tags=["t"])).digest
    make.admit(registry, make.notice(digest))
    before = rows_of(registry)
    with registry._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM notices")
        connection.exec_driver_sql("UPDATE records SET standing = 'standing'")
    assert rows_of(registry) != before
    assert registry.rebuild() == 2
    assert rows_of(registry) == before


@pytest.mark.parametrize("column", ["blobs SET content", "log SET envelope"])
def test_a_changed_record_is_found_and_nothing_is_made_of_it(
    tmp_path: Path, make: Any, rows_of: Any, column: str
) -> None:
    path = str(tmp_path / "r.sqlite")
    with open_registry(path) as registry:
        make.admit(registry, make.claim("A"))
        before = rows_of(registry)
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER blobs_no_UPDATE")
    raw.execute("DROP TRIGGER log_no_UPDATE")
    raw.execute(f"UPDATE {column} = X'7B7D'")
    raw.commit()
    raw.close()
    with open_registry(path) as registry:
        with pytest.raises(RegistryError, match="does not agree"):
            registry.rebuild()
        assert rows_of(registry) == before
