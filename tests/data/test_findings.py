from __future__ import annotations

from pathlib import Path

import pytest

from verilora.data.findings import SHOWN, Findings
from verilora.errors import DataError


def test_nothing_found_is_nothing_raised() -> None:
    findings = Findings(Path("a.tsv"))
    findings.drop("known")
    findings.raise_faults()
    assert findings.dropped == {"known": 1}


def test_one_fault_is_one_line_with_file_and_line() -> None:
    findings = Findings(Path("a.tsv"))
    findings.fault(7, "the label is missing")
    with pytest.raises(DataError) as caught:
        findings.raise_faults()
    assert str(caught.value) == "a.tsv, line 7: the label is missing"
    assert (caught.value.facts["file"], caught.value.facts["line"]) == ("a.tsv", 7)


def test_of_many_the_first_few_and_the_count_are_told() -> None:
    findings = Findings(Path("a.parquet"), row="row")
    for line in range(1, 101):
        findings.fault(line, "bad")
    with pytest.raises(DataError) as caught:
        findings.raise_faults()
    lines = str(caught.value).splitlines()
    assert lines[0] == "a.parquet: 100 rows have a fault"
    assert lines[1].strip() == "a.parquet, row 1: bad"
    assert lines[-1].strip() == f"and {100 - SHOWN} more"
    assert len(lines) == SHOWN + 2
    assert caught.value.facts["count"] == 100
