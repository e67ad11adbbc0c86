"""What a claim's page tells."""

from __future__ import annotations

import shlex

from verilora.web.claim_page import checks_of, claim_facts, iframe_of, item_of, rests_on
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
    fetch, check = map(shlex.split, command.splitlines())
    assert fetch[0] == "curl"
    assert fetch[-1].startswith("https://x.example/api/v1/envelopes/")
    assert check[:3] == ["verilora", "verify", fetch[2]]


def test_a_hostile_address_stays_one_word(filled) -> None:
    view = filled.registry.claim(filled.claims[0].id)
    ((_, command),) = checks_of(view, Links("https://x.example/$(rm -rf ~)"))
    assert len(shlex.split(command.splitlines()[0])) == 4


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
    assert [name for name, _ in told] == ["The verdict with all its numbers", "the run of seed 0"]


def test_a_line_of_a_list(filled) -> None:
    house = Site(filled.registry)
    for claim, mark in ((filled.claims[0], ""), (filled.performance, "reproduced")):
        view = house.claim(claim.id)
        assert item_of(view, house.verdict_of(view)).mark == mark
    assert item_of(house.claim(filled.gone.id), None).mark == "retracted"
