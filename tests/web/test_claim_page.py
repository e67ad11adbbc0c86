"""What a claim's page tells."""

from __future__ import annotations

import shlex

import pytest

from verilora.claims.envelope import open_envelope
from verilora.records.canonical import digest_bytes
from verilora.web import site
from verilora.web.claim_page import (
    checks_of,
    claim_facts,
    iframe_of,
    item_of,
    rests_on,
    stated,
)
from verilora.web.finding import Site
from verilora.web.links import Links

LINKS = Links("https://x.example")


def test_the_snippet_is_escaped(fresh) -> None:
    claim = fresh.claim('A "quoted" <b>')
    text = iframe_of(claim, LINKS)
    assert text.count('"') == 12
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert 'width="100%" height="360"' in text


def test_the_commands_can_be_run(filled) -> None:
    view = filled.registry.claim(filled.claims[0].id)
    ((_, command),) = checks_of(view, LINKS)
    fetch, check = map(shlex.split, command.replace("\\\n", "").splitlines())
    assert fetch[0] == "curl"
    assert fetch[-1].startswith("https://x.example/api/v1/envelopes/")
    assert check[:3] == ["verilora", "verify", fetch[2]]


def test_a_hostile_address_stays_one_word(filled) -> None:
    view = filled.registry.claim(filled.claims[0].id)
    ((_, command),) = checks_of(view, Links("https://x.example/$(rm -rf ~)"))
    fetch, _ = command.replace("\\\n", "").splitlines()
    assert len(shlex.split(fetch)) == 4


def test_a_claim_about_a_fact_has_no_picture(filled) -> None:
    view = filled.registry.claim(filled.claims[0].id)
    facts = claim_facts(view, LINKS, verdict=None)
    assert facts["drawing"] is None
    assert facts["rests"] == []
    assert facts["kicker"] == "A claim about a fact"


def test_what_it_rests_on_is_linked_where_it_is_kept(filled) -> None:
    house = Site(filled.registry)
    view = house.claim(filled.performance.id)
    told = rests_on(house.verdict_of(view), house.runs_of(view))
    assert [kind.told for kind in told] == ["It rests on", "Its runs"]
    assert [name for kind in told for name, _ in kind.links] == [
        "the verdict with all its numbers",
        "seed 0",
    ]


@pytest.mark.parametrize("length", [20, 200])
def test_a_statement_in_its_parts_reads_as_it_does(fresh, length) -> None:
    claim = fresh.claim("L" * length)
    parts = stated(claim)
    assert " ".join(parts[:3]) + "." == claim.statement
    assert parts.predicate == "introduced in paper:"
    assert parts.is_long == (length == 200)


def test_a_line_of_a_list(filled) -> None:
    house = Site(filled.registry)
    for claim, mark in ((filled.claims[0], ""), (filled.performance, "reproduced")):
        view = house.claim(claim.id)
        assert item_of(view, house.verdict_of(view)).mark == mark
    assert item_of(house.claim(filled.gone.id), None).mark == "retracted"


def test_the_history_tells_of_the_record_that_was_there_before(fresh) -> None:
    first, again = fresh.claim("LoRA"), fresh.claim("LoRA", published_at="2026-06-01T00:00:00Z")
    old = fresh.admit(first)
    by = digest_bytes(open_envelope(fresh.sign(again)).payload)
    fresh.admit(fresh.notice(old.digest, "supersession", by=by))
    new = fresh.admit(again)
    assert new.digest == by
    page = site.claim(Site(fresh.registry), first.id)
    assert f"Published in another record, {old.digest[:19]}…: superseded." in page
    assert page.index(old.digest[:19]) < page.index("Taken into this registry.")
