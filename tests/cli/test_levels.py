"""`verify --level`: beyond signatures, to the numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from verilora import __version__
from verilora.claims.issue import claim_of
from verilora.cli.levels import (
    _circumstances,
    _claimed_otherwise,
    _older_rules,
    _other_files,
    look_further,
)
from verilora.cli.terminal import Terminal
from verilora.errors import DataError, VerificationError
from verilora.records.claim import Claim, claim_id, statement_of
from verilora.records.run import Run


def found(folder: Path) -> Any:
    """As verify found it: a run, signed as it stands in run.json."""
    record = Run.model_validate_json((folder / "run.json").read_bytes())
    return SimpleNamespace(path=folder / "claim.dsse.json", kind="run", record=record)


def look(what: Any, *wanted: str, data: Path | None = None) -> dict[str, Any]:
    return look_further(Terminal(quiet=True), what, wanted=wanted, data=data)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_metrics_are_computed_again(run: Path) -> None:
    looked = look(found(run), "signature", "recompute")
    assert list(looked) == ["signature", "recompute"]
    assert "the same" in looked["recompute"]["sentence"]


def test_numbers_that_do_not_follow_are_a_mismatch(run: Path) -> None:
    told = json.loads((run / "run.json").read_bytes())
    signed = found(run)
    told["metrics"]["accuracy"]["value"] = 12.5
    (run / "run.json").write_text(json.dumps(told))
    with pytest.raises(VerificationError, match=r"accuracy 12\.5") as error:
        look(found(run), "recompute")
    assert error.value.facts["state"] == "verdict-mismatch"
    with pytest.raises(VerificationError, match=r"not the one in run\.json"):
        look(signed, "recompute")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"subject": "our words for it"}, ""),
        ({"confidence": 0.01}, ""),
        ({"confidence": 1.0}, "the rules give"),
        ({"object": "99.90 % (1 run)"}, "the claim's object"),
        ({"predicate": "achieves_f1"}, "the claim's predicate"),
        ({"performance": {"status": "not_reproduced"}}, "the claim's status"),
        ({"performance": {"verdict": "sha256:" + "0" * 64}}, "the claim's verdict"),
    ],
)
def test_a_claim_says_what_its_verdict_says(change: Any, told: str, reproduction: Any) -> None:
    document = reproduction(89.4, 89.5, 89.6)
    given = claim_of(document, at="2026-05-16T00:00:00Z").to_mapping()
    inner = {**given["performance"], **change.get("performance", {})}
    made = {**given, **change, "performance": inner}
    parts = {name: made[name] for name in ("subject", "predicate", "object")}
    made |= {"id": claim_id(**parts), "statement": statement_of(**parts)}
    signed = SimpleNamespace(kind="claim", record=Claim.model_validate(made))
    faults = "; ".join(_claimed_otherwise(signed, document, paper_text=None))
    assert faults.startswith(told) if told.startswith("the claim") else told in faults
    assert bool(faults) == bool(told)


def test_another_verdict_is_not_the_one_that_was_signed(reproduction: Any) -> None:
    signed = SimpleNamespace(kind="verdict", record=reproduction(89.4, 89.5, 89.6))
    assert list(_claimed_otherwise(signed, signed.record, paper_text=None)) == []
    assert list(_claimed_otherwise(signed, reproduction(89.4), paper_text=None))


def test_another_version_is_told_as_what_may_be_why(reproduction: Any) -> None:
    document = reproduction(89.4)
    own = document.replace(verdict=document.verdict.replace(agent_version="verilora 0.0.1"))
    assert "verilora 0.0.1 judged it" in "".join(_older_rules(own))
    same = document.verdict.replace(agent_version=f"verilora {__version__}")
    assert list(_older_rules(document.replace(verdict=same))) == []


def test_what_holds_no_numbers_is_told(run: Path) -> None:
    signed = SimpleNamespace(path=run / "adapter/claim.dsse.json", kind="adapter", record=None)
    for level in ("recompute", "evaluate", "retrain"):
        with pytest.raises(DataError, match="holds no run"):
            look(signed, level)


def test_weights_are_asked_again(run: Path) -> None:
    looked = look(found(run), "evaluate")
    assert "as recorded" in looked["evaluate"]["sentence"]
    assert looked["evaluate"]["runs"]["run"]["agrees"] is True


def test_a_recipe_is_run_again(run: Path) -> None:
    looked = look(found(run), "retrain")
    assert looked["retrain"]["runs"]["run"] == {"same_bytes": True, "circumstances": []}
    assert "to the byte" in looked["retrain"]["sentence"]


def test_other_bytes_count_only_where_all_else_is_like(run: Path) -> None:
    told = json.loads((run / "run.json").read_bytes())
    told["digests"]["adapter"] = "sha256:" + "0" * 64
    (run / "run.json").write_text(json.dumps(told))
    with pytest.raises(VerificationError, match="other weights"):
        look(found(run), "retrain")
    told["environment"]["torch"] = "2.0.0"
    (run / "run.json").write_text(json.dumps(told))
    looked = look(found(run), "retrain")
    assert looked["retrain"]["runs"]["run"]["same_bytes"] is False
    assert "was 2.0.0" in looked["retrain"]["sentence"]


def test_weights_are_compared_as_files(run: Path) -> None:
    # Of full fine-tuning no digest of the weights stands in run.json.
    (run / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(VerificationError, match="run: the same recipe gives other weights"):
        look(found(run), "retrain")
    assert _other_files(run, run) == []


def test_circumstances_are_those_that_change_bytes() -> None:
    before = {"torch": "2.12", "platform": "Linux-1", "threads": "1"}
    after = {"torch": "2.13", "platform": "Linux-2", "threads": "1", "gpu": "H"}
    assert _circumstances(before, after) == ["torch 2.13, was 2.12", "gpu H, was none"]
