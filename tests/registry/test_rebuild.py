"""Made again from blobs and log: what was changed by another hand is mended, or found."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope
from verilora.claims.keys import make_key
from verilora.errors import RegistryError
from verilora.registry import Door, Registry, open_registry

STATES = ("valid", "stale-trust", "unknown-key", "revoked")


def test_changed_projections_are_mended(registry: Registry, make: Any, rows_of: Any) -> None:
    digest = make.admit(registry, make.claim("A", tags=["t"])).digest
    make.admit(registry, make.notice(digest))
    before = rows_of(registry)
    with registry._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM notices")
        connection.exec_driver_sql("UPDATE records SET standing = 'standing'")
    assert rows_of(registry) != before
    heard: list[int] = []
    assert registry.rebuild(listen=heard.append) == 2
    assert heard == [1, 2]
    assert rows_of(registry) == before


@pytest.mark.parametrize("seed", range(6))
def test_whatever_came_in_whatever_order_is_made_again(
    small: Registry, make: Any, rows_of: Any, seed: int
) -> None:
    chance = random.Random(seed)
    door = Door(lambda opened, *, now: (chance.choice(STATES), (chance.choice("ab"),), ""))
    with open_registry(small.url, door=door) as registry:
        list(registry.admit_many(mixture(make, chance), size=chance.choice([1, 3, 1000])))
        before = rows_of(registry)
        assert len(before["notices"]) > 5
        assert registry.rebuild() == registry.counts().records
        assert rows_of(registry) == before


def mixture(make: Any, chance: random.Random) -> list[bytes]:
    """Envelopes of all kinds in any order, some by two keys, with notices about any of them."""
    records = [make.claim(f"Method{n}", tags=chance.sample("abcde", 2)) for n in range(8)]
    records += [
        make.verdict(
            id=str(n),
            kind=chance.choice(["POST", "POST", "PRE"]),
            protocol_match=chance.choice(["near", "proxy", None]),
            computed_at=f"2026-01-{chance.randrange(1, 9):02}T00:00:00Z",
        )
        for n in range(8)
    ]
    envelopes = [make.sign(record) for record in records]
    for _ in range(10):
        about = open_envelope(chance.choice(envelopes)).digest
        kind = chance.choice(["retraction", "dispute"])
        reason = f"reason {chance.random()}"
        envelopes.append(make.sign(make.notice(about, kind, reason=reason)))
    other = make_key("other")
    envelopes += [make.sign(record, other) for record in chance.sample(records, 4)]
    chance.shuffle(envelopes)
    return envelopes


HURTS = {
    "blobs SET content = X'7B7D'": "line 1 of the log does not agree",
    "log SET envelope = X'7B7D' WHERE sequence = 1": "line 1 of the log does not agree",
    "log SET envelope = X'7B7D' WHERE sequence = 3": "line 3 of the log does not agree",
    "log SET digest = (SELECT digest FROM log WHERE sequence = 2) WHERE sequence = 1": "line 1 of",
    "log SET kind = 'run' WHERE sequence = 2": "says 'run', and its record is a claim",
    "log SET sequence = 9 WHERE sequence = 3": "line 3 of the log is not there",
    "log WHERE sequence = 1": "line 1 of the log is not there",
    "log WHERE sequence = 4": "1 signed records are kept that no line",
}


@pytest.mark.parametrize(("hurt", "told"), HURTS.items())
def test_a_changed_record_is_found_and_nothing_is_made_of_it(
    tmp_path: Path, make: Any, rows_of: Any, hurt: str, told: str
) -> None:
    path = str(tmp_path / "r.sqlite")
    with open_registry(path) as registry:
        for name in ("A", "B"):
            make.admit(registry, make.claim(name, name))
        registry.admit(make.sign(make.claim("A", "A"), make_key("other")))
        make.admit(registry, make.claim("C", "C"))
        before = rows_of(registry)
    raw = sqlite3.connect(path)
    for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute(f"UPDATE {hurt}" if " SET " in hurt else f"DELETE FROM {hurt}")
    raw.commit()
    raw.close()
    with open_registry(path) as registry:
        with pytest.raises(RegistryError, match=told):
            registry.rebuild()
        assert rows_of(registry) == before
