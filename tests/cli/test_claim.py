"""`claim id`, `new` and `show` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.cli.claim import TYPES
from verilora.records.claim import Claim, SourceType
from verilora.registry import open_registry

OBJECT = "LoRA: Low-Rank Adaptation of Large Language Models (Hu et al., 2021)"
TITLE = "LoRA: Low-Rank Adaptation of Large Language Models"
QUOTE = "We propose Low-Rank Adaptation, or LoRA"
AT = ("--at", "2026-05-16T00:00:00Z")
FLAGS = (
    *("--subject", "Low-Rank Adaptation (LoRA)", "--predicate", "introduced_in_paper"),
    *("--object", OBJECT, "--tag", "lora", "--tag", "fine-tuning"),
    *("--source", f"preprint | arXiv | {TITLE} | https://arxiv.org/abs/2106.09685 | | {QUOTE}"),
    *("--source", "github-release | Microsoft | LoRA | https://github.com/microsoft/LoRA"),
)
DRAFT = f"""
subject = "Low-Rank Adaptation (LoRA)"
predicate = "introduced_in_paper"
object = "{OBJECT}"
tags = ["lora", "fine-tuning"]
[[sources]]
type = "preprint"
publisher = "arXiv"
title = "{TITLE}"
url = "https://arxiv.org/abs/2106.09685"
quote = "{QUOTE}"
text = "paper.txt"
[[sources]]
type = "github-release"
publisher = "Microsoft"
title = "LoRA"
url = "https://github.com/microsoft/LoRA"
"""


@pytest.fixture
def draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "nothing"))
    folder = tmp_path / "drafts"
    folder.mkdir()
    (folder / "paper.txt").write_text(f"{TITLE}\n\nAbstract. {QUOTE}, which is light.", "utf-8")
    (folder / "draft.toml").write_text(DRAFT, "utf-8")
    return folder / "draft.toml"


def test_the_id_is_printed_alone(verilora: Any) -> None:
    parts = ("--subject", " LOW-rank adaptation (LoRA)", "--predicate", "introduced_in_paper")
    told = verilora("claim", "id", *parts, "--object", OBJECT)
    assert (told.status, told.out) == (0, "d7b97d1b93d8d8bc\n")
    other = verilora("claim", "id", *parts, "--object", OBJECT, "--vertical", "x", "--json")
    assert json.loads(other.out)["id"] != "d7b97d1b93d8d8bc"


@pytest.mark.parametrize(("subject", "why"), [("a|b", "holds a bar"), (" ", "is empty")])
def test_a_part_that_cannot_be_has_no_id(verilora: Any, subject: str, why: str) -> None:
    parts = ("--subject", subject, "--predicate", "p", "--object", "o")
    told = verilora("claim", "id", *parts)
    assert told.status == 2
    assert why in told.err


def test_a_draft_becomes_a_claim_in_canonical_form(verilora: Any, draft: Path) -> None:
    told = verilora("claim", "new", draft, *AT)
    assert told.status == 0, told.err
    path = Path("claim-d7b97d1b93d8d8bc.json")
    claim = Claim.model_validate_json(path.read_bytes())
    assert path.read_bytes() == claim.canonical()
    assert claim.confidence == 1.0
    assert claim.published_at == "2026-05-16T00:00:00Z"
    assert "confidence  1.00" in told.out
    assert claim.digest in told.out


def test_flags_do_without_a_file_and_say_what_was_not_checked(verilora: Any, draft: Path) -> None:
    told = verilora("claim", "new", *FLAGS, *AT, "--json", "--out", "c.json")
    assert told.status == 0, told.err
    mapping = json.loads(told.out)
    assert (mapping["claim"]["id"], mapping["path"]) == ("d7b97d1b93d8d8bc", "c.json")
    assert mapping["claim"]["confidence"] == 0.95
    assert "not checked" in mapping["claim"]["confidence_rule"]
    checked = verilora(
        "claim", "new", *FLAGS, "--text", f"1={draft.parent / 'paper.txt'}", "--json"
    )
    assert json.loads(checked.out)["claim"]["confidence"] == 1.0


def test_flags_take_precedence_over_the_file(verilora: Any, draft: Path) -> None:
    lower = ("--confidence", "0.8", "--confidence-reason", "a doubt")
    told = json.loads(verilora("claim", "new", draft, "--tag", "new", *lower, "--json").out)
    assert told["claim"]["tags"] == ["new"]
    assert told["claim"]["confidence_rule"].startswith("lowered from 1.00: a doubt")


def test_nothing_is_overwritten_unasked(verilora: Any, draft: Path) -> None:
    assert verilora("claim", "new", draft).status == 0
    again = verilora("claim", "new", draft)
    assert again.status == 1
    assert "--force" in again.err
    assert verilora("claim", "new", draft, "--force").status == 0


def test_all_faults_are_told_and_nothing_is_written(verilora: Any, draft: Path) -> None:
    (draft.parent / "paper.txt").write_text(f"{TITLE} says otherwise", "utf-8")
    told = verilora("claim", "new", draft, "--tag", "No Slug", "--confidence", "1.0")
    assert told.status == 1
    for piece in (
        "3 faults",
        "does not stand in the text",
        "never raise it",
        "'no-slug' would be one",
    ):
        assert piece in told.err, piece
    assert not list(Path().glob("claim*.json"))


def test_a_duplicate_is_refused_with_the_way_out(verilora: Any, draft: Path) -> None:
    verilora("claim", "new", draft, *AT)
    folder = ("--among", ".")
    again = ("--subject", "LoRA (Low-Rank Adaptation)", *folder)
    refused = verilora("claim", "new", draft, *again)
    assert refused.status == 1
    assert "--distinct-from d7b97d1b93d8d8bc --reason TEXT" in refused.err
    way = ("--distinct-from", "d7b97d1b93d8d8bc", "--reason", "a radio")
    told = verilora("claim", "new", draft, *again, *way, "--json")
    assert json.loads(told.out)["claim"]["id"] == "f191b2876790dc6e"
    assert verilora("claim", "new", draft, *again, *way[:2]).status == 2


def test_claims_on_lines_are_looked_at_too(verilora: Any, draft: Path) -> None:
    verilora("claim", "new", draft, "--out", "one.json")
    Path("all.jsonl").write_bytes(Path("one.json").read_bytes() + b"\n\n")
    told = verilora("claim", "new", draft, "--among", "all.jsonl", "--out", "two.json")
    assert told.status == 1
    assert "has the same id" in told.err


def test_a_verdict_becomes_a_claim(verilora: Any, reproduction: Any, tmp_path: Path) -> None:
    document = reproduction(89.4, 89.5, 89.6)
    (tmp_path / "verdict.json").write_bytes(document.canonical())
    out = tmp_path / "claim.json"
    for given in (tmp_path, tmp_path / "verdict.json"):
        told = verilora("claim", "new", given, *AT, "--out", out, "--force")
        assert told.status == 0, told.err
        claim = Claim.model_validate_json(out.read_bytes())
        assert claim.performance is not None
        assert claim.performance.verdict == document.digest
        assert "rests on" in told.out
    unfit = verilora("claim", "new", tmp_path, "--object", "better", "--tag", "x")
    assert unfit.status == 2
    assert "--object, --tag" in unfit.err


def test_a_reproductions_own_text_of_the_paper_is_used(
    verilora: Any, reproduction: Any, paper_text: str, tmp_path: Path
) -> None:
    (tmp_path / "verdict.json").write_bytes(reproduction(89.5).canonical())
    (tmp_path / "paper.txt").write_text(paper_text, "utf-8")
    told = verilora("claim", "new", tmp_path, "--out", tmp_path / "claim.json", "--json")
    assert json.loads(told.out)["claim"]["sources"][0]["quote"]


@pytest.mark.parametrize(
    ("arguments", "status", "piece"),
    [
        ((), 2, "are wanted"),
        (("absent.toml",), 1, "cannot be read"),
        (("--subject", "x", "--source", "preprint"), 1, "has 1 parts"),
        ((*FLAGS, "--text", "paper.txt"), 2, "the number of a source and a file"),
        ((*FLAGS, "--text", "1=absent.txt"), 1, "absent.txt cannot be read"),
        ((*FLAGS, "--at", "noon"), 1, "published_at"),
    ],
)
def test_what_cannot_be_is_told(
    verilora: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    arguments: tuple[str, ...],
    status: int,
    piece: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    told = verilora("claim", "new", *arguments)
    assert told.status == status
    assert piece in told.err


def test_a_claim_is_shown(verilora: Any, draft: Path) -> None:
    verilora("claim", "new", draft, *AT, "--out", "c.json")
    told = verilora("claim", "show", "c.json")
    assert told.status == 0
    for piece in ("(Hu et al., 2021).", "1.00", "lora, fine-tuning", QUOTE, "Not signed"):
        assert piece in told.out, piece
    mapping = json.loads(verilora("claim", "show", "c.json", "--json").out)
    assert mapping["signed"] is False
    assert mapping["claim"]["id"] == "d7b97d1b93d8d8bc"
    draft.with_name("c.json").write_text("[1]")
    assert verilora("claim", "show", draft.with_name("c.json")).status == 1


def test_help_names_every_type_of_source(verilora: Any) -> None:
    assert set(TYPES.replace(" or", ",").replace(" ", "").split(",")) == set(get_args(SourceType))
    assert "github-release or benchmark" in " ".join(verilora("claim", "new", "-h").out.split())


@pytest.fixture
def kept(verilora: Any, draft: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry in the user's own place, with the draft's claim in it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert verilora("claim", "new", draft, *AT, "--out", "first.json").status == 0
    claim = Claim.model_validate_json((tmp_path / "first.json").read_bytes())
    place = tmp_path / "data/verilora/registry.sqlite"
    place.parent.mkdir(parents=True)
    with open_registry(str(place)) as registry:
        registry.admit(sign(statement_of(claim), make_key()))
    return place


def test_a_fact_that_is_in_the_registry_is_refused(
    verilora: Any, kept: Path, draft: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = verilora("claim", "new", draft, *AT, "--out", "again.json")
    assert (told.status, "is there already" in told.err) == (1, True)
    twin = ("--subject", "LoRA (Low-Rank Adaptation)", "--out", "twin.json")
    told = verilora("claim", "new", draft, *AT, *twin)
    assert (told.status, "it is probably" in told.err) == (1, True)
    assert not Path("again.json").exists() and not Path("twin.json").exists()
    apart = ("--distinct-from", "d7b97d1b93d8d8bc", "--reason", "a trial")
    assert verilora("claim", "new", draft, *AT, *twin, *apart).status == 0
    other = ("--subject", "QLoRA", "--out", "other.json")
    assert verilora("claim", "new", draft, *AT, *other).status == 0
    monkeypatch.setenv("XDG_DATA_HOME", str(kept.parent / "nobodys"))
    assert verilora("claim", "new", draft, *AT, "--out", "again.json").status == 0
    assert not (kept.parent / "nobodys").exists()
    told = verilora("claim", "new", draft, *AT, "--database", kept, "--out", "third.json")
    assert (told.status, "is there already" in told.err) == (1, True)


def test_a_claim_that_was_retracted_stands_in_nobodys_way(
    verilora: Any, kept: Path, draft: Path
) -> None:
    verilora("keys", "new")
    told = verilora("registry", "retract", "d7b97d1b93d8d8bc", "--reason", "a slip")
    assert told.status == 0
    assert verilora("claim", "new", draft, *AT, "--out", "again.json").status == 0


@pytest.mark.parametrize("given", ["none.sqlite", "sqlite:///none.sqlite"])
def test_a_registry_that_is_not_there_is_not_made(verilora: Any, draft: Path, given: str) -> None:
    told = verilora("claim", "new", draft, *AT, "--database", given)
    assert (told.status, "there is no registry none.sqlite" in told.err) == (1, True)
    assert not Path("none.sqlite").exists()


def test_a_result_may_be_claimed_again(
    verilora: Any, kept: Path, reproduction: Any, tmp_path: Path
) -> None:
    (tmp_path / "verdict.json").write_bytes(reproduction(89.4, 89.5, 89.6).canonical())
    call = ("claim", "new", "verdict.json", *AT, "--out", "result.json", "--force")
    assert verilora(*call).status == 0
    claim = Claim.model_validate_json((tmp_path / "result.json").read_bytes())
    with open_registry(str(kept)) as registry:
        registry.admit(sign(statement_of(claim), make_key()))
    assert verilora(*call).status == 0
    held = {**claim.to_mapping()["performance"], "verdict": "sha256:" + "0" * 64}
    other = Claim.model_validate({**claim.to_mapping(), "performance": held})
    assert claim.performance != other.performance
    (tmp_path / "other").mkdir()
    with open_registry(str(tmp_path / "other/r.sqlite")) as registry:
        registry.admit(sign(statement_of(other), make_key()))
    told = verilora(*call, "--database", tmp_path / "other/r.sqlite")
    assert (told.status, "is there already" in told.err) == (1, True)
