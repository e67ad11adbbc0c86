from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.predicates import statement_of
from verilora.claims.subjects import Subjects, check_subjects
from verilora.errors import VerificationError
from verilora.records.canonical import digest_bytes
from verilora.records.claim import Claim
from verilora.records.envelope import Statement


@pytest.fixture
def statement(tmp_path: Path, claim: Claim) -> Statement:
    """About two files, which are there."""
    (tmp_path / "adapter").mkdir()
    contents = {"adapter/weights": b"weights", "run.json": b"{}"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return statement_of(claim, {name: digest_bytes(held) for name, held in contents.items()})


def look(statement: Statement, claim: Claim, folder: Path, *, wanted: bool = True) -> Subjects:
    return check_subjects(statement, claim, folder=folder, wanted=wanted)


def test_files_as_signed_are_the_same(statement: Any, claim: Claim, tmp_path: Path) -> None:
    assert look(statement, claim, tmp_path) == Subjects(("adapter/weights", "run.json"), ())


@pytest.mark.parametrize("wanted", [True, False])
def test_one_byte_is_a_mismatch(wanted: bool, statement: Any, claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "adapter/weights").write_bytes(b"weightt")
    with pytest.raises(VerificationError, match="adapter/weights is not the file") as told:
        look(statement, claim, tmp_path, wanted=wanted)
    assert told.value.facts["state"] == "digest-mismatch"


def test_a_missing_file_is_a_mismatch_where_all_are_wanted(
    statement: Any, claim: Claim, tmp_path: Path
) -> None:
    (tmp_path / "run.json").unlink()
    assert look(statement, claim, tmp_path, wanted=False).absent == ("run.json",)
    with pytest.raises(VerificationError, match=r"run\.json was signed, and is not there"):
        look(statement, claim, tmp_path)


def test_what_belongs_to_it_and_was_not_signed_is_a_mismatch(
    statement: Any, claim: Claim, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("a page")
    (tmp_path / "notice.dsse.json").write_text("{}")
    assert look(statement, claim, tmp_path).unsigned == ("report.html",)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"laid there by somebody")
    with pytest.raises(VerificationError, match="lies there, and was not signed"):
        look(statement, claim, tmp_path)
    assert look(statement, claim, tmp_path, wanted=False).unsigned == ()


def test_a_record_about_itself_needs_no_file(claim: Claim, tmp_path: Path) -> None:
    alone = statement_of(claim)
    assert look(alone, claim, tmp_path) == Subjects(("claim.json",), ())
    place = tmp_path / "claim.json"
    place.write_text(json.dumps(claim.to_mapping(), indent=2))
    assert look(alone, claim, tmp_path).same == ("claim.json",)
    place.write_text(json.dumps({**claim.to_mapping(), "confidence": 1}))
    with pytest.raises(VerificationError, match="not the file"):
        look(alone, claim, tmp_path)


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/hostname", "a/../../b", "~/b", "a\\b", "C:x", ".", "a//b", "./a", ".."],
)
def test_names_that_lead_elsewhere_are_refused(name: str, claim: Claim, tmp_path: Path) -> None:
    statement = statement_of(claim, {name: "sha256:" + "0" * 64})
    with pytest.raises(VerificationError) as told:
        look(statement, claim, tmp_path, wanted=False)
    assert told.value.facts["state"] == "schema-invalid"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(statement: Any, claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "run.json").unlink()
    os.mkfifo(tmp_path / "run.json")
    assert look(statement, claim, tmp_path, wanted=False).absent == ("run.json",)
