"""What pages show of a verdict."""

from __future__ import annotations

from verilora.web.links import Links
from verilora.web.verdict_page import checks_of, item_of, verdict_facts

LINKS = Links("https://x.example")


def test_seeds_lead_to_the_runs_that_are_kept(filled) -> None:
    view = filled.registry.verdict(filled.verdict.digest)
    (table,) = verdict_facts(view, LINKS, runs={0: "/runs/0"}, places={})["seeds"]
    assert [row.link for row in table.rows] == ["/runs/0", "", "", "", ""]


def test_a_line_of_a_list(filled, fresh) -> None:
    item = item_of(filled.registry.verdict(filled.verdict.digest))
    assert (item.kind, item.mark) == ("reproduced", "reproduced")
    assert "protocol exact · 2026-11-02" in item.more
    entry = fresh.admit(fresh.document(89.0, 89.5, 90.0))
    fresh.admit(fresh.notice(entry.digest))
    gone = item_of(fresh.registry.verdict(entry.digest))
    assert gone.kind == "retracted"
    assert gone.mark.endswith(", retracted")


def test_the_commands_judge_what_is_served(filled) -> None:
    view = filled.registry.verdict(filled.verdict.digest)
    commands = "\n".join(command for _, command in checks_of(view, LINKS))
    assert "verilora judge verdict.json" in commands
    assert f"https://x.example/verdicts/{view.entry.digest[7:]}.json" in commands


def test_a_plan_in_a_list_says_what_it_fixed(fresh) -> None:
    post = fresh.document(89.0, 89.5, 90.0)
    plan = post.replace(verdict=post.verdicts.pre, verdicts=None)
    item = item_of(fresh.registry.verdict(fresh.admit(plan).digest))
    assert item.headline == "Fixed before the runs: seeds 0, 1, 2; the same within 1.4 points."
    assert item.mark == "preregistered"


def test_digests_beyond_what_a_page_holds_are_counted(filled) -> None:
    view = filled.registry.verdict(filled.verdict.digest)
    digests = verdict_facts(view, LINKS, runs={}, places={})["digests"]
    assert len(digests) == 61
    assert digests[-1] == ("47 more", "in this page's JSON")
