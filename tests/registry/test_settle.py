"""What records make of each other: standing by notices, the current verdict, a paper's document."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.registry import Door, Registry, open_registry


def standing(registry: Registry, digest: str) -> str:
    entry = registry.entry(digest)
    assert entry is not None
    return entry.standing


def test_a_notice_that_is_retracted_has_no_effect(registry: Registry, make: Any) -> None:
    claim = make.admit(registry, make.claim()).digest
    dispute = make.admit(registry, make.notice(claim, "dispute")).digest
    assert standing(registry, claim) == "disputed"
    retraction = make.admit(registry, make.notice(claim)).digest
    assert standing(registry, claim) == "retracted"
    make.admit(registry, make.notice(retraction))
    assert standing(registry, claim) == "disputed"
    undone = make.admit(registry, make.notice(dispute)).digest
    assert standing(registry, claim) == "standing"
    make.admit(registry, make.notice(undone, reason="no, it was right"))
    assert standing(registry, claim) == "disputed"
    assert [one.has_effect for one in registry.notices(claim)] == [True, False]


def test_a_superseded_record_names_what_took_its_place(registry: Registry, make: Any) -> None:
    claim = make.admit(registry, make.claim()).digest
    by = "sha256:" + "1" * 64
    make.admit(registry, make.notice(claim, "supersession", by=by))
    entry = registry.entry(claim)
    assert entry is not None
    assert (entry.standing, entry.replaced_by) == ("superseded", by)


def test_the_current_verdict_is_the_newest_of_the_best_level(registry: Registry, make: Any) -> None:
    def current() -> list[str]:
        items = registry.verdicts().items
        return [view.entry.digest for view in items if view.is_current]

    proxy = make.admit(registry, make.verdict(computed_at="2026-03-01T00:00:00Z")).digest
    assert current() == [proxy]
    newer = make.admit(registry, make.verdict(computed_at="2026-03-02T00:00:00Z")).digest
    make.admit(registry, make.verdict(computed_at="2026-02-01T00:00:00Z"))
    assert current() == [newer]
    near = make.verdict("reproduced", protocol_match="near", computed_at="2026-01-01T00:00:00Z")
    best = make.admit(registry, near).digest
    assert current() == [best]
    make.admit(registry, make.verdict("pending", kind="PRE", protocol_match="exact"))
    assert current() == [best]
    make.admit(registry, make.notice(best, "dispute"))
    assert current() == [best]
    make.admit(registry, make.notice(best))
    assert current() == [newer]


def test_a_verdict_from_the_future_is_no_newer_than_its_admission(
    small: Registry, make: Any
) -> None:
    make.admit(small, make.verdict(computed_at="2999-01-01T00:00:00Z"))
    later = make.admit(small, make.verdict(computed_at="2998-01-01T00:00:00Z"))
    assert [view.entry.digest for view in small.verdicts().items if view.is_current] == [
        later.digest
    ]


@pytest.mark.parametrize(
    ("record", "notice", "keys", "effect"),
    [
        ("valid", "valid", ("b",), True),
        ("valid", "unknown-key", ("b",), False),
        ("valid", "unknown-key", ("a",), True),
        ("valid", "unchecked", ("a",), False),
        ("valid", "revoked", ("a",), False),
        ("unknown-key", "unknown-key", ("b",), True),
        ("unknown-key", "valid", ("b",), True),
        ("stale-trust", "unknown-key", (), False),
    ],
)
def test_a_notice_counts_if_it_is_signed_as_well_as_the_record(
    make: Any, tmp_path: Any, record: str, notice: str, keys: tuple[str, ...], effect: bool
) -> None:
    def door(state: str, ids: tuple[str, ...]) -> Door:
        return Door(lambda opened, *, now: (state, ids, ""))

    path = str(tmp_path / "r.sqlite")
    with open_registry(path, door=door(record, ("a",))) as registry:
        claim = make.admit(registry, make.claim()).digest
    with open_registry(path, door=door(notice, keys)) as registry:
        make.admit(registry, make.notice(claim))
        assert [one.has_effect for one in registry.notices(claim)] == [effect]
        assert (standing(registry, claim) == "retracted") == effect
