"""The registry as a whole, in both databases: in, out, and made again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope
from verilora.claims.keys import make_key
from verilora.errors import AdmissionError
from verilora.registry import Filter, Registry, open_registry


def test_what_goes_in_comes_out(registry: Registry, make: Any) -> None:
    envelope = make.sign(make.claim("LoRA", tags=["lora"]))
    entry = registry.admit(envelope)
    assert (entry.sequence, entry.kind, entry.standing) == (1, "claim", "standing")
    assert entry.is_new
    view = registry.claim(make.claim("LoRA").id)
    assert view is not None
    assert view.entry == entry
    assert view.claim == make.claim("LoRA", tags=["lora"])
    assert view.is_current
    assert registry.envelope(entry.digest) == envelope
    assert registry.claim(entry.digest) == view
    assert registry.entry(entry.record_digest) == entry
    assert registry.payload(entry.digest)


def test_the_same_envelope_again_is_the_same_entry(registry: Registry, make: Any) -> None:
    envelope = make.sign(make.claim())
    first, again = registry.admit(envelope), registry.admit(envelope)
    assert first == again
    assert (first.is_new, again.is_new) == (True, False)
    assert [one.is_new for one in registry.admit_many([envelope, envelope])] == [False, False]
    assert registry.counts().records == 1


def test_rebuilding_gives_the_same_rows(registry: Registry, make: Any, rows_of: Any) -> None:
    fill(registry, make)
    before, page = rows_of(registry), registry.claims()
    assert all(before.values()), "a table without rows says nothing"
    found = registry.search("adaptation")
    assert registry.rebuild() == registry.counts().records
    assert rows_of(registry) == before
    assert registry.claims() == page
    assert registry.search("adaptation") == found
    assert found


def fill(registry: Registry, make: Any) -> None:
    """Records of every kind, with notices before and after what they are about."""
    run = make.run()
    verdict = make.verdict("reproduced", protocol_match="near", runs=[run.digest])
    made = [make.admit(registry, record) for record in (run, verdict, make.verdict())]
    claim = make.claim("Low-Rank Adaptation", tags=["lora", "hu"])
    rest = make.claim("QLoRA", "Another", tags=["lora"])
    first, second = make.admit(registry, claim), make.admit(registry, rest)
    later = make.claim("Low-Rank Adaptation", tags=["lora"], confidence=0.9)
    other = make.sign(later)
    by = open_envelope(other).digest
    make.admit(registry, make.notice(first.digest, "supersession", by=by))
    registry.admit(other)
    make.admit(registry, make.notice(made[1].digest))
    disputed = make.admit(registry, make.notice(second.digest, "dispute"))
    make.admit(registry, make.notice(disputed.digest))
    make.admit(registry, make.anchors(1.0))
    registry.admit(make.sign(rest, make_key("other")))


def test_many_at_once_come_to_the_same_rows(
    url: str, make: Any, rows_of: Any, tmp_path: Any
) -> None:
    with open_registry(str(tmp_path / "one.sqlite")) as one, open_registry(url) as many:
        fill(one, make)
        page = one.entries(limit=200)
        envelopes = [one.envelope(entry.digest) or b"" for entry in reversed(page.items)]
        list(many.admit_many(envelopes))
        for table, rows in rows_of(many).items():
            assert len(rows) == len(rows_of(one)[table]), table
        assert [view.claim for view in many.claims().items] == [
            view.claim for view in one.claims().items
        ]
        assert many.tags() == one.tags()


def test_what_is_refused_leaves_nothing(registry: Registry, make: Any) -> None:
    envelopes = [make.sign(make.claim("LoRA")), b"{}", make.sign(make.claim("RoPE", "B"))]
    admitted = registry.admit_many(envelopes)
    assert next(admitted).sequence == 1
    with pytest.raises(AdmissionError) as refused:
        next(admitted)
    assert refused.value.facts["position"] == 2
    assert registry.counts().records == 1


def test_questions_that_nothing_can_answer_are_no_error(registry: Registry, make: Any) -> None:
    make.admit(registry, make.verdict())
    for text in ("\0", "\ud800", "'; --", "%", "", "x" * 100_000):
        for read in (registry.claim, registry.verdict, registry.run, registry.entry):
            assert read(text) is None
        assert registry.paper(text) is registry.envelope(text) is registry.payload(text) is None
        assert registry.notices(text) == registry.related(text) == registry.versions(text) == ()
        assert registry.claims(text).items == registry.entries(text).items == ()
        for name in ("status", "arxiv_id", "target", "kind"):
            assert registry.verdicts(Filter(**{name: text})).items == ()


def test_many_write_at_once_and_the_log_has_no_gaps(url: str, make: Any) -> None:
    envelopes = [make.sign(make.claim(f"Method{n}")) for n in range(40)]
    with open_registry(url) as registry, ThreadPoolExecutor(4) as pool:

        def admit(part: int) -> list[str]:
            mine = envelopes[part * 10 :] + envelopes[: part * 10]
            return [entry.digest for entry in registry.admit_many(mine, size=3)]

        told = list(pool.map(admit, range(4)))
        assert {len(set(digests)) for digests in told} == {40}
        entries = registry.entries(limit=200).items
        assert sorted(entry.sequence for entry in entries) == list(range(1, 41))


def test_questions_without_an_answer(registry: Registry) -> None:
    none = "sha256:" + "0" * 64
    for read in (registry.claim, registry.verdict, registry.run, registry.entry, registry.envelope):
        assert read(none) is None
    assert registry.claim("0123456789abcdef") is None
    assert registry.paper("2106.09685") is None
    assert registry.notices(none) == registry.related("0123456789abcdef") == ()
    assert registry.claims().items == registry.papers().items == registry.tags() == ()
    assert registry.verdicts(Filter(current=True)).items == registry.anchors() == ()
