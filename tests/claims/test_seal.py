from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign
from verilora.claims.issue import claim_of
from verilora.claims.predicates import read_predicate
from verilora.claims.seal import read_for_signing
from verilora.claims.verify import verify
from verilora.errors import DataError
from verilora.records.adapter import LoraConfig
from verilora.records.adapter_facts import AdapterFacts
from verilora.records.canonical import digest_bytes
from verilora.records.claim import Claim


def make_adapter(folder: Path) -> Path:
    folder.mkdir(parents=True)
    files = {"adapter_model.safetensors": b"tensors", "adapter_config.json": b"{}"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sidecar = {
        "format": "verilora.adapter/1",
        "config": LoraConfig(rank=2).to_mapping(),
        "files": {name: digest_bytes(content) for name, content in files.items()},
        "base": {"name": None, "class": "BertModel", "digest": "sha256:" + "1" * 64},
        "trained": True,
    }
    (folder / "verilora.json").write_text(json.dumps(sidecar, indent=1))
    return folder


def make_run(folder: Path) -> Path:
    make_adapter(folder / "adapter")
    (folder / "predictions.jsonl").write_bytes(b"[]")
    weights = digest_bytes(b"tensors")
    run: dict[str, Any] = {
        "format": "verilora.run/1",
        "recipe": "tiny",
        "method": "lora",
        "seed": 0,
        "steps": 1,
        "main_metric": "accuracy",
        "metrics": {"accuracy": {"value": 90}},
        "loss_first": 1,
        "loss_last": 0.5,
        "curve": [],
        "selection": {"rule": "last", "step": 1, "metric": "accuracy", "evaluations": 1},
        "parameters": {"total": 9, "trainable": 3, "adapter": 2, "head": 1},
        "data": {"train_rows": 1, "validation_rows": 1},
        "digests": {
            **dict.fromkeys(("base", "data", "recipe"), "sha256:" + "2" * 64),
            "adapter": weights,
            "predictions": digest_bytes(b"[]"),
        },
        "timings": {
            **dict.fromkeys(("total_seconds", "train_seconds", "evaluate_seconds"), 1),
            **dict.fromkeys(("train_tokens", "train_examples"), 1),
        },
        "memory": {"peak_bytes": None, "planned_bytes": None},
        "environment": {"torch": "2"},
    }
    (folder / "run.json").write_text(json.dumps(run, indent=1))
    return folder


def names(statement: Any) -> list[str]:
    return [subject.name for subject in statement.subject]


def signed(world: Any, path: Path) -> Path:
    found = read_for_signing(path)
    found.envelope.write_bytes(sign(found.statement, world.key))
    return found.envelope


def test_an_adapter_is_its_three_files(world: Any, tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter")
    (folder / "README.md").write_text("may be edited")
    envelope = signed(world, folder)
    assert envelope == folder / "claim.dsse.json"
    kind, facts = read_predicate(open_envelope(envelope.read_bytes()))
    assert kind == "adapter"
    assert isinstance(facts, AdapterFacts)
    assert facts.base.tensors == "sha256:" + "1" * 64
    (folder / "README.md").write_text("edited")
    assert len(verify(folder, world.trust(), now=world.now).subjects.same) == 3


def test_a_run_signs_for_what_belongs_to_it(world: Any, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "report.html").write_text("drawn anew at any time")
    found = read_for_signing(folder)
    assert found.kind == "run"
    assert set(names(found.statement)) == {
        *("run.json", "predictions.jsonl", "adapter/verilora.json"),
        *("adapter/adapter_model.safetensors", "adapter/adapter_config.json"),
    }
    signed(world, folder)
    assert verify(folder, world.trust(), now=world.now).kind == "run"


@pytest.mark.parametrize(
    ("name", "told"),
    [("predictions.jsonl", "is not the file"), ("adapter/adapter_model.safetensors", "is not")],
)
def test_what_does_not_fit_is_not_signed(name: str, told: str, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / name).write_bytes(b"other")
    with pytest.raises(DataError, match=f"{name} {told}"):
        read_for_signing(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        read_for_signing(folder)


def test_an_edited_adapter_is_not_signed(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "adapter")
    (folder / "adapter_config.json").write_bytes(b"{ }")
    with pytest.raises(DataError, match=r"adapter_config\.json is not the file"):
        read_for_signing(folder)


def test_a_directory_of_runs_names_them_all(tmp_path: Path, claim: Claim) -> None:
    make_run(tmp_path / "all/seed-0")
    (tmp_path / "all/seed-1").mkdir()
    (tmp_path / "all/seed-1/failed.json").write_text("{}")
    (tmp_path / "all/verdict.json").write_text('{"verdict":{"kind":"POST","status":"partial"}}')
    found = read_for_signing(tmp_path / "all")
    assert found.kind == "verdict"
    assert {"verdict.json", "seed-0/run.json", "seed-1/failed.json"} < set(names(found.statement))
    (tmp_path / "all/claim.json").write_bytes(claim.canonical())  # of a fact: it fits any verdict
    found = read_for_signing(tmp_path / "all")
    assert found.kind == "claim"
    assert {"claim.json", "verdict.json"} < set(names(found.statement))


def test_a_claim_fits_the_verdict_and_the_files_beside_it(
    tmp_path: Path, reproduction: Any
) -> None:
    folder = make_run(tmp_path / "all/seed-0").parent
    (folder / "paper.txt").write_text("as it was")
    artifact = {
        "name": "paper.txt",
        "sha256": digest_bytes(b"as it was"),
        "size": 9,
        "role": "text",
    }
    document = reproduction(89.4, 89.5, 89.6)
    held = document.verdict.replace(artifacts=(artifact, {**artifact, "name": "gone.txt"}))
    document = document.replace(verdict=held)
    (folder / "verdict.json").write_bytes(document.canonical())
    assert read_for_signing(folder).kind == "verdict"
    (folder / "claim.json").write_bytes(claim_of(document, at="2026-05-16T00:00:00Z").canonical())
    assert read_for_signing(folder).kind == "claim"
    (folder / "paper.txt").write_text("edited it")
    with pytest.raises(
        DataError, match=r"paper\.txt is not the file whose digest claim\.json gives"
    ):
        read_for_signing(folder)
    (folder / "paper.txt").write_text("as it was")
    (folder / "verdict.json").write_bytes(reproduction(89.4).canonical())
    with pytest.raises(
        DataError, match=r"verdict\.json is not the verdict that the claim rests on"
    ):
        read_for_signing(folder)
    (folder / "verdict.json").unlink()
    with pytest.raises(DataError, match=r"verdict\.json is missing"):
        read_for_signing(folder)


def test_a_claim_that_was_raised_by_hand_is_not_signed(tmp_path: Path, claim: Claim) -> None:
    path = tmp_path / "claim.json"
    raised = {**claim.to_mapping(), "sources": claim.to_mapping()["sources"][:1]}
    path.write_text(json.dumps(raised))
    for place in (path, tmp_path):
        with pytest.raises(DataError, match="says more than the rules give: it has one source"):
            read_for_signing(place)


def test_a_file_alone_is_about_itself(world: Any, tmp_path: Path, claim: Claim) -> None:
    path = tmp_path / "lora.json"
    path.write_text(json.dumps(claim.to_mapping(), indent=2))
    envelope = signed(world, path)
    assert envelope == tmp_path / "lora.dsse.json"
    assert verify(envelope, world.trust(), now=world.now).subjects.same == ("lora.json",)
    path.unlink()
    assert verify(envelope, world.trust(), now=world.now).subjects.absent == ()


def test_a_bare_verdict_is_signed_by_its_bytes(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "preregistration.json"
    path.write_text('{"kind":"PRE","status":"pending"}')
    envelope = signed(world, path)
    assert verify(envelope, world.trust(), now=world.now).kind == "verdict"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"format":"verilora.trust/1"}', "signed by its root"),
        ('{"format":"verilora.other/1"}', "one of verilora.claim/1"),
        ("[]", "format is None"),
        ('{"format":"verilora.claim/1"}', "is missing"),
        ("{", "no JSON"),
        ('{"payload":"","payloadType":"","signatures":[]}', "an envelope, in which"),
    ],
)
def test_what_is_no_record_is_refused(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DataError, match=told):
        read_for_signing(path)


def test_nothing_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of claim\.json"):
        read_for_signing(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_for_signing(tmp_path / "none.json")
    folder = make_adapter(tmp_path / "adapter")
    (folder / "verilora.json").write_text('{"format":"verilora.adapter/1"}')
    with pytest.raises(DataError, match="save_adapter"):
        read_for_signing(folder)
