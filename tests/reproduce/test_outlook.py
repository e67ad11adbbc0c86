"""Before anything is run: cost, what differs, what can come of it, and the chance of a decision."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from verilora.records.target import Target
from verilora.reproduce.flow import prepare
from verilora.reproduce.outlook import outlook, prospects_told
from verilora.reproduce.wish import Wish

Make = Callable[..., Target]


def test_the_outlook_has_a_row_for_each_number_of_seeds(make_target: Make) -> None:
    ready = prepare(Wish(make_target(), seeds=(0, 1, 2)), workers=2)
    found = outlook(ready, tokens_per_second=ready.found.plan.padded_tokens / 10)
    assert [chance.runs for chance in found.chances] == [3, 5, 8, 10]
    assert [found.seconds(k) for k in (3, 5, 8)] == [20, 30, 40]  # two at once, ten seconds each
    assert found.chances[0].equivalent_if_same < found.chances[3].equivalent_if_same
    told = found.as_text()
    assert max(len(line) for line in told.splitlines()) <= 100
    assert "the paper says 85.0 ± 3.0 (percent, mean of 5 runs)" in told
    assert "The most that can come of it with 3 seeds: reproduced." in told
    assert [line.split()[0] for line in told.splitlines()[-4:]] == ["3", "5", "8", "10"]
    json.dumps(found.to_mapping(), allow_nan=False)


def test_seeds_of_ones_own_get_a_row(make_target: Make) -> None:
    found = outlook(prepare(Wish(make_target(), seeds=tuple(range(6))), workers=1))
    assert [chance.runs for chance in found.chances] == [3, 5, 6, 8, 10]
    assert found.seconds(5) is None


def test_a_number_without_a_spread_has_no_chances(make_target: Make) -> None:
    target = make_target(reported={"spread": None, "spread_kind": None})
    found = outlook(prepare(Wish(target), workers=1))
    assert found.chances == ()
    assert "a trial with 3 seeds shows one" in found.as_text()


@pytest.mark.parametrize("limit", [None, 16])
def test_what_differs_is_told_once(make_target: Make, *, limit: int | None) -> None:
    found = outlook(prepare(Wish(make_target(), seeds=(0,), limit=limit), workers=1))
    told = " ".join(prospects_told(found.foreseen).split())
    assert told.startswith("The most that can come of it: partial.")
    assert "one seed is planned; at least 3 are wanted" in told
    assert told.count("16 training examples") == (1 if limit else 0)
