"""One way from a case to what follows: levels, margins, and cases without numbers."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.errors import DataError
from verilora.records.verdict import Verdict
from verilora.verdict.case import Case
from verilora.verdict.weigh import find_level, weigh


def verdict(kit: Any, **changes: Any) -> Verdict:
    given = {"kind": "POST", "status": "reproduced", "claim_citation": kit.citation(), **changes}
    return Verdict.model_validate(given)


@pytest.mark.parametrize(
    ("states", "declared", "level"),
    [
        ({}, "exact", "exact"),
        ({}, None, "exact"),
        ({}, "proxy", "proxy"),
        ({"base": "different"}, "exact", "proxy"),
        ({"base": "unknown"}, "exact", "unknown"),
        (None, "exact", "proxy"),
        (None, "near", "proxy"),
        (None, "proxy", "proxy"),
        (None, "unknown", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_levels_are_never_raised(
    kit: Any, states: dict | None, declared: str | None, level: str
) -> None:
    rows = None if states is None else kit.rows(**states)
    assert find_level(verdict(kit, protocol=rows, protocol_match=declared)) == level


def test_without_a_number_of_the_paper_there_is_nothing_to_reproduce(kit: Any) -> None:
    bare = kit.citation(reported_value=None)
    rows = kit.rows()
    assert find_level(verdict(kit, claim_citation=bare, protocol=rows)) == "unknown"
    assert find_level(verdict(kit, claim_citation=None, protocol=rows)) == "unknown"
    known = verdict(kit, claim_citation=bare, protocol=rows, reported=kit.reported())
    assert find_level(known) == "exact"


def test_without_runs_the_rules_alone_speak(kit: Any) -> None:
    found = weigh(Case(verdict(kit, protocol_match="proxy")))
    assert found.ruling is None
    assert (found.highest, found.confidence) == ("partial", 0.60)
    assert "proxy" in [reason.name for reason in found.reasons]
    assert weigh(Case(verdict(kit))).highest == "pending"


def test_mixed_units_are_told_and_nothing_is_decided(kit: Any) -> None:
    mixed = verdict(
        kit,
        reported=kit.reported(),
        measured=kit.measured(0.897, 0.896, 0.895),
        protocol=kit.rows(),
    )
    found = weigh(Case(mixed))
    assert found.ruling is None
    assert found.highest == "pending"
    assert any("units are mixed" in reason.sentence for reason in found.reasons)


def test_margins(kit: Any) -> None:
    def margin(pre: Verdict | None, stated: float | None = None, **reported: Any) -> Any:
        made = kit.post(pre=pre)
        changes: dict[str, Any] = {"statistics": None}
        if stated is not None:
            changes["statistics"] = made.statistics.replace(margin=stated)
        if reported:
            changes["reported"] = kit.reported(**reported)
        ruling = weigh(Case(made.replace(**changes), pre)).ruling
        assert ruling is not None
        assert ruling.statistics is not None
        return ruling.statistics.margin, ruling.statistics.margin_source

    declared = kit.pre(plan=kit.plan(margin=1.1))
    assert margin(declared) == (1.1, kit.plan().margin_source)
    assert margin(None)[0] == pytest.approx(1.4)
    assert margin(None, stated=50.0)[0] == pytest.approx(1.4)
    other = kit.pre(plan=kit.plan(margin=5.0))
    unregistered = Case(kit.post(pre=other).replace(preregistration=None, statistics=None), other)
    ruling = weigh(unregistered).ruling
    assert ruling is not None
    assert ruling.statistics is not None
    assert ruling.statistics.margin == pytest.approx(1.4)
    assert margin(None, stated=0.5) == (0.5, "as stated, not preregistered")


def test_a_part_of_the_items_is_a_proxy_whatever_the_rows_say(kit: Any) -> None:
    whole, part = (kit.post(evaluated=items) for items in (408, 100))
    assert (whole.protocol_match, part.protocol_match) == ("exact", "proxy")
    assert part.status != "reproduced"
    assert any("100 of 408 evaluation items were used" in caveat for caveat in part.caveats)


def test_a_wide_margin_is_said(kit: Any) -> None:
    wide = kit.post(pre=kit.pre(plan=kit.plan(margin=5.0, margin_source="a hunch")))
    assert wide.status == "reproduced"
    assert any(
        "5, is wider than the usual 1.4" in caveat and "a hunch" in caveat
        for caveat in wide.caveats
    )
    assert not any("wider" in caveat for caveat in kit.post().caveats)
    plain = kit.reported(unit="points", value=89.7, spread=None)
    pre = kit.pre(reported=plain, plan=kit.plan(unit="points"))
    assert not any("wider" in caveat for caveat in kit.post(pre=pre).caveats)


def test_another_scale_needs_a_margin(kit: Any) -> None:
    reported = kit.reported(unit="points", value=8.85, spread=None)
    bare = verdict(kit, reported=reported, measured=kit.measured(8.8, 8.9, unit="points"))
    with pytest.raises(DataError, match="declare one"):
        weigh(Case(bare))
    stated = kit.post().statistics.replace(unit="points", margin=0.1)
    ruling = weigh(Case(bare.replace(statistics=stated))).ruling
    assert ruling is not None
    assert ruling.statistics is not None
    assert ruling.statistics.margin == 0.1
