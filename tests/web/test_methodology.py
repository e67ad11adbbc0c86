"""The page of the rules has every rule, as the code has it."""

from __future__ import annotations

from verilora.claims.rubric import LINES
from verilora.verdict.gates import rules
from verilora.verdict.meaning import LEVEL, STATUS
from verilora.web.methodology import methodology_mapping, sections, validator_mapping


def test_every_rule_stands_on_the_page(client, read_page) -> None:
    text = read_page(client.get("/methodology").text).text
    for number, told in rules().items():
        assert f"{number} {told}" in text
    for line in LINES:
        assert line[1] in text
    for told in (*LEVEL.values(), *(said[1:] for said in STATUS.values())):
        assert told in text
    assert all(len(row) == len(section.head) for section in sections() for row in section.rows)


def test_programs_get_the_same() -> None:
    assert [gate["rule"] for gate in methodology_mapping()["gates"]] == list(rules())
    assert {rule["gate"] for rule in validator_mapping()["rules"]} == {"structural", "textual"}
