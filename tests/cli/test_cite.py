"""`cite`: claims, signed or not, in every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from verilora.claims.cite import FORMATS
from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.cli.cite import Format
from verilora.records.canonical import digest_bytes
from verilora.records.claim import Claim


@pytest.fixture
def claim(make_claim: Callable[..., Claim], tmp_path: Path) -> Path:
    path = tmp_path / "claim.json"
    path.write_bytes(make_claim("Low-Rank Adaptation (LoRA)").canonical())
    return path


def test_the_formats_are_those_of_the_room() -> None:
    assert tuple(one.value for one in Format) == FORMATS
    assert not get_args(Format)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_printed(verilora: Any, claim: Path, format_: str) -> None:
    told = verilora("cite", claim, "--format", format_, "--url", "https://example.org/c")
    assert told.status == 0, told.err
    digest = digest_bytes(claim.read_bytes())
    assert digest[:19] in told.out
    assert "d7b97d1b93d8d8bc" in told.out


def test_the_citation_may_go_to_a_file(verilora: Any, claim: Path) -> None:
    out = claim.with_name("CITATION.cff")
    told = json.loads(verilora("cite", claim, "--format", "cff", "--out", out, "--json").out)
    assert out.read_text("utf-8") == told["citation"]
    assert told["path"] == str(out)


def test_of_a_signed_claim_the_payload_is_cited(verilora: Any, claim: Path) -> None:
    statement = statement_of(Claim.model_validate_json(claim.read_bytes()))
    signed = claim.with_name("claim.dsse.json")
    signed.write_bytes(sign(statement, make_key("k")))
    told = json.loads(verilora("cite", signed, "--author", "Doe", "--json").out)
    assert told["digest"] == digest_bytes(statement.canonical())
    assert "Doe claim d7b97d1b93d8d8bc" in told["citation"]
    assert "signature was not looked at" in verilora("claim", "show", signed).out


@pytest.mark.parametrize(
    ("arguments", "status", "piece"),
    [
        (("--url", "javascript:x"), 2, "http or https"),
        (("--format", "endnote"), 2, "endnote"),
    ],
)
def test_what_cannot_be_is_told(
    verilora: Any, claim: Path, *, arguments: tuple[str, ...], status: int, piece: str
) -> None:
    told = verilora("cite", claim, *arguments)
    assert told.status == status
    assert piece in told.err


def test_what_is_no_claim_is_refused(verilora: Any, tmp_path: Path) -> None:
    absent = verilora("cite", tmp_path / "absent.json")
    assert absent.status == 1
    assert "a claim (JSON), or the envelope of a signed one is wanted" in absent.err
    (tmp_path / "x.json").write_text('{"payload": 1}')
    assert verilora("cite", tmp_path / "x.json").status == 1
