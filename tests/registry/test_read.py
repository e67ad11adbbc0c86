"""Entries, runs, anchors, counts."""

from __future__ import annotations

from typing import Any

from verilora.registry import Registry


def test_entries_are_listed_newest_first_by_kind_or_all(registry: Registry, make: Any) -> None:
    for record in (make.claim("A"), make.run(), make.claim("B"), make.verdict()):
        make.admit(registry, record)
    first = registry.entries(limit=3)
    rest = registry.entries(limit=3, cursor=first.next_cursor)
    assert [one.sequence for one in first.items + rest.items] == [4, 3, 2, 1]
    assert [one.sequence for one in registry.entries("claim").items] == [3, 1]


def test_a_run_names_the_verdicts_that_name_it(registry: Registry, make: Any) -> None:
    run = make.run()
    entry = make.admit(registry, run)
    verdict = make.admit(registry, make.verdict(runs=[run.digest]))
    make.admit(registry, make.verdict("pending"))
    view = registry.run(run.digest)
    assert view == registry.run(entry.digest)
    assert view is not None
    assert (view.run, view.verdicts) == (run, (verdict.digest,))
    assert registry.run(verdict.digest) is None


def test_an_anchor_shows_its_newest_result_that_stands(registry: Registry, make: Any) -> None:
    def latest() -> list[Any]:
        return [view.result.latest for view in registry.anchors()]

    make.admit(registry, make.anchors(1.0, "2026-01-02T00:00:00Z"))
    make.admit(registry, make.anchors(0.5, "2026-01-01T00:00:00Z"))
    assert latest() == [1.0]
    newest = make.admit(registry, make.anchors(2.0, "2026-01-03T00:00:00Z"))
    assert latest() == [2.0]
    make.admit(registry, make.notice(newest.digest))
    assert latest() == [1.0]


def test_counts_tell_what_there_is(registry: Registry, make: Any) -> None:
    digest = make.admit(registry, make.claim("A")).digest
    for record in (make.claim("B"), make.run(), make.verdict(), make.notice(digest)):
        make.admit(registry, record)
    counts = registry.counts()
    assert (counts.records, counts.claims, counts.verdicts) == (5, 1, 1)
    assert (counts.papers, counts.runs, counts.notices) == (1, 1, 1)


def test_notices_are_told_oldest_first(registry: Registry, make: Any) -> None:
    digest = make.admit(registry, make.claim()).digest
    for kind in ("dispute", "retraction"):
        make.admit(registry, make.notice(digest, kind))
    assert [one.notice.kind for one in registry.notices(digest)] == ["dispute", "retraction"]
    view = registry.claim(digest)
    assert view is not None
    assert view.notices == registry.notices(digest)
