"""What is related is found exactly, whatever comes in and whatever becomes of it meanwhile."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest

from verilora.claims.related import index_of, related
from verilora.registry import Registry, carriers, open_registry
from verilora.registry.carriers import best_groups
from verilora.registry.engine import reading

TAGS = [f"t{number}" for number in range(7)]


def some_claims(make: Any, count: int, *, seed: int = 0) -> list[Any]:
    """Claims with some of seven tags, the first of which nearly all bear."""
    chance = random.Random(seed)
    return [
        make.claim(
            f"Method{seed}x{number}",
            tags=sorted(
                {TAGS[0] if chance.random() < 0.9 else TAGS[1], *chance.choices(TAGS, k=2)}
            ),
        )
        for number in range(count)
    ]


def assert_exact(registry: Registry, claims: list[Any], *, limit: int = 5) -> None:
    index = index_of(claims)
    for claim in claims:
        wanted = [tuple(one) for one in related(claim, index, limit=limit)]
        found = registry.related(claim.id, limit=limit)
        assert [(one.claim.id, one.tags) for one in found] == wanted


def test_the_rule_is_met_exactly_while_claims_come_in(
    registry: Registry, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "FEWEST_LOOSE", 12)
    claims: list[Any] = []
    for seed in range(4):
        more = some_claims(make, 9, seed=seed)
        list(registry.admit_many(map(make.sign, more)))
        claims += more
        assert_exact(registry, claims)
    assert_exact(registry, claims, limit=50)


def test_what_another_process_takes_in_or_back_shows_at_once(tmp_path: Any, make: Any) -> None:
    path = str(tmp_path / "r.sqlite")
    claims = some_claims(make, 12)
    with open_registry(path) as here, open_registry(path) as other:
        entries = list(other.admit_many(map(make.sign, claims)))
        assert_exact(here, claims)
        notice = make.admit(other, make.notice(entries[0].digest))
        assert_exact(here, claims[1:])
        make.admit(other, make.notice(notice.digest))
        assert_exact(here, claims)
        make.admit(other, make.notice(entries[1].digest))
        other.rebuild()
        assert_exact(here, [claims[0], *claims[2:]])


def test_an_older_state_sees_nothing_newer_and_spoils_nothing(small: Registry, make: Any) -> None:
    first, second, third = (make.claim(name, tags=["x", "y"]) for name in "ABC")
    list(small.admit_many(map(make.sign, (first, second))))
    with reading(small._engine) as older:
        older.exec_driver_sql("SELECT count(*) FROM log").fetchall()
        make.admit(small, third)
        view = small.claim(first.id)
        assert view is not None
        assert len(small.related(view)) == 2
        small._carriers._sets.clear()
        assert len(small._carriers.related(older, view, limit=5)) == 1
    assert {one.claim.id for one in small.related(view)} == {second.id, third.id}


def test_sets_that_are_no_longer_kept_are_read_again(
    small: Registry, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carriers, "MOST_BYTES", 64)
    claims = some_claims(make, 12)
    list(small.admit_many(map(make.sign, claims)))
    assert_exact(small, claims)
    assert len(small._carriers._sets) < len(TAGS)


@pytest.mark.parametrize("seed", range(20))
def test_groups_come_by_their_weight_and_part_the_bearers(seed: int) -> None:
    chance = random.Random(seed)
    weights = [chance.choice([0.1, 0.2, 0.3, 0.7, 1.1]) for _ in range(5)]
    tags = [(weight, chance.getrandbits(40)) for weight in weights]
    allowed = chance.getrandbits(40)
    groups = list(best_groups(tags, allowed))
    assert [one.score for one in groups] == sorted((one.score for one in groups), reverse=True)
    for one in groups:
        assert one.score == math.fsum(weights[place] for place in one.shared)
    for one, other in itertools.combinations(groups, 2):
        assert not one.members & other.members
    bearers = 0
    for _, held in tags:
        bearers |= held
    assert sum(one.members for one in groups) == bearers & allowed
