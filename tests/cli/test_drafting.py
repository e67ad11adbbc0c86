"""What `claim new` makes of what it was told: a fact, or a performance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer

from verilora.cli.drafting import Wanted, write_claim
from verilora.cli.terminal import Terminal
from verilora.errors import DataError
from verilora.records.claim import Claim

NOTHING = Wanted(
    file=None,
    given={},
    sources=(),
    texts=(),
    distinct_from=(),
    reasons=(),
    among=(),
    database=None,
    at="2026-01-01T00:00:00Z",
    out=None,
    force=False,
)


@pytest.fixture(autouse=True)
def no_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (NOTHING, "are wanted"),
        (replace(NOTHING, given={"subject": "x"}, reasons=("r",)), "belong together"),
    ],
)
def test_half_a_wish_is_refused(wanted: Wanted, why: str) -> None:
    with pytest.raises(typer.BadParameter, match=why):
        write_claim(Terminal(), wanted)


def test_the_time_is_now_unless_it_is_told() -> None:
    assert NOTHING.time == "2026-01-01T00:00:00Z"
    assert replace(NOTHING, at=None).time > "2026-01-01T00:00:00Z"


def test_a_verdict_that_stands_alone_is_known_by_its_keys(
    reproduction: Any, tmp_path: Path
) -> None:
    document = reproduction(89.4, 89.6)
    file, out = tmp_path / "v.json", tmp_path / "claim.json"
    file.write_bytes(document.verdict.canonical())
    write_claim(Terminal(quiet=True), replace(NOTHING, file=file, out=out))
    claim = Claim.model_validate_json(out.read_bytes())
    assert claim.performance is not None
    assert claim.predicate == "achieves_accuracy"
    assert claim.published_at == NOTHING.at


def test_the_rank_is_that_of_the_runs_where_all_have_the_same(
    reproduction: Any, write_run: Any
) -> None:
    directory = write_run("reproduction/seed-0").parent
    (directory / "verdict.json").write_bytes(reproduction(89.5).canonical())
    wanted = replace(NOTHING, file=directory, out=directory / "claim.json", force=True)

    def subject() -> str:
        write_claim(Terminal(quiet=True), wanted)
        return Claim.model_validate_json((directory / "claim.json").read_bytes()).subject

    assert " r=8 on " in subject()
    write_run("reproduction/seed-1", recipe={"adapter": {"rank": 2, "target_modules": ["query"]}})
    assert " r=" not in subject()


def test_json_that_is_no_verdict_is_a_draft(tmp_path: Path) -> None:
    file = tmp_path / "draft.json"
    file.write_text('{"subjet": "LoRA"}')
    with pytest.raises(DataError, match="did you mean 'subject'"):
        write_claim(Terminal(), replace(NOTHING, file=file))
    file.write_text('{"a": ')
    with pytest.raises(DataError, match="it is no JSON"):
        write_claim(Terminal(), replace(NOTHING, file=file))


def test_a_verdict_has_one_source(reproduction: Any, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_bytes(reproduction(89.5).canonical())
    (tmp_path / "a.txt").write_text("A")
    wanted = replace(NOTHING, file=tmp_path, texts=(f"2={tmp_path / 'a.txt'}",))
    with pytest.raises(typer.BadParameter, match="the only one"):
        write_claim(Terminal(), wanted)
