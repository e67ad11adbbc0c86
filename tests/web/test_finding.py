"""What is asked for by a name that cannot be is not looked up, and what is missing is a problem."""

from __future__ import annotations

import pytest

from verilora.web.finding import Site
from verilora.web.problems import Problem


@pytest.mark.parametrize("name", ["claim", "verdict", "run", "paper", "envelope", "payload"])
@pytest.mark.parametrize("given", ["", "zz", "0" * 16, "0" * 64, "a" * 500, "sha256:" + "0" * 64])
def test_what_is_not_there_is_a_problem(name: str, given: str, filled) -> None:
    with pytest.raises(Problem) as caught:
        getattr(Site(filled.registry), name)(given)
    assert caught.value.status == 404


def test_records_go_by_either_digest(filled) -> None:
    house = Site(filled.registry)
    for entry, find in ((filled.verdict, house.verdict), (filled.run, house.run)):
        for digest in (entry.digest, entry.record_digest):
            assert find(digest.removeprefix("sha256:")).entry.digest == entry.digest


def test_the_records_behind_a_claim(filled) -> None:
    house = Site(filled.registry)
    view = house.claim(filled.performance.id)
    assert house.verdict_of(view).entry.digest == filled.verdict.digest
    assert [run.run.seed for run in house.runs_of(view)] == [0]
    assert house.verdict_of(house.claim(filled.claims[0].id)) is None


def test_a_page_has_a_size_and_a_cursor_of_its_own_list(filled) -> None:
    house = Site(filled.registry)
    for limit, cursor in ((0, None), (101, None), (5, "x")):
        with pytest.raises(Problem):
            house.page(filled.registry.claims, limit=limit, cursor=cursor)
