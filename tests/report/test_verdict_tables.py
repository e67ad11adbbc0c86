"""Tables of a verdict's page."""

from __future__ import annotations

from typing import Any

from verilora.report.verdict_tables import (
    Links,
    checks_told,
    digests_told,
    gates_told,
    plan_told,
    seeds_told,
    statistics_told,
)

GOOD = tuple(100 * right / 408 for right in (361, 363, 365, 367, 369))


def test_each_seed_stands_beside_what_it_is_compared_with(reproduction: Any) -> None:
    verdict = reproduction(*GOOD).verdict
    (table,) = seeds_told(verdict, Links({2: "there"}))
    assert table.beside == "less the paper's"
    assert table.rows[0][:4] == ("0", "88.48", "−1.22", "counts")
    assert [row.link for row in table.rows] == ["", "", "there", "", ""]
    assert table.linked
    assert table.total == ("mean", "89.46 ± 0.78", "−0.24")


def test_a_seed_without_a_number_says_so(reproduction: Any) -> None:
    verdict = reproduction(89.0, None, 90.0, majority=None).verdict
    (table,) = seeds_told(verdict, Links())
    assert table.rows[1][:4] == ("1", "–", "–", "failed, no number")


def test_statistics_have_a_meaning_each(reproduction: Any) -> None:
    told = statistics_told(reproduction(*GOOD).verdict)
    assert all(all(row) for row in told)
    assert [name for name, _, _ in told] == [
        *("difference", "90 % interval", "margin", "standard error", "degrees of freedom"),
        *("decision", "score", "confidence", "95 % prediction"),
    ]
    alone = statistics_told(reproduction(89.0).verdict)
    assert [name for name, _, _ in alone] == ["decision", "confidence"]


def test_rules_that_do_not_hold_come_first(reproduction: Any) -> None:
    rows = gates_told(reproduction(89.4, 89.5, 89.6).verdict)
    kinds = [row.kind for row in rows]
    assert kinds[0] == "failed"
    assert kinds == sorted(kinds, key=["failed", "open", "passed"].index)
    assert (rows[0].icon, rows[0].word, rows[0].number) == ("✗", "no", "EV-004")
    assert all(row.rule and row.detail for row in rows)


def test_plan_checks_and_digests(reproduction: Any) -> None:
    document = reproduction(*GOOD)
    verdict, pre = document.verdict, document.verdicts.pre
    plan = dict(plan_told(pre))
    assert plan["seeds"] == "0, 1, 2, 3, 4"
    assert plan["digest"] == pre.digest
    commands = [
        command for _, command in checks_told(verdict, pre, links=Links({0: "seed-0/report.html"}))
    ]
    assert commands[:3] == [
        "verilora judge .",
        "sha256sum preregistration.json",
        "verilora evaluate seed-0",
    ]
    assert commands[-1].endswith("--paper-text paper.pdf")
    assert len(digests_told(verdict, pre)) == 3 + 5
