"""Files and flags of claims, as the commands read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.cli.drafts import claims_among, read_claim, sources_given, texts_given
from verilora.errors import ClaimError, DataError
from verilora.records.claim import Claim
from verilora.records.notice import Notice

Make = Callable[..., Claim]


def test_a_claim_is_read_bare_and_from_its_envelope(make_claim: Make, tmp_path: Path) -> None:
    claim = make_claim("LoRA")
    bare, signed = tmp_path / "claim.json", tmp_path / "claim.dsse.json"
    bare.write_bytes(claim.canonical())
    signed.write_bytes(sign(statement_of(claim), make_key("k")))
    assert read_claim(bare) == (claim, claim.digest, False)
    assert read_claim(signed) == (claim, statement_of(claim).digest, True)


def test_a_signed_record_of_another_kind_is_no_claim(tmp_path: Path) -> None:
    notice = Notice.model_validate(
        {
            "kind": "dispute",
            "about": "sha256:" + "0" * 64,
            "reason": "r",
            "made_at": "2026-01-01T00:00:00Z",
        }
    )
    path = tmp_path / "notice.dsse.json"
    path.write_bytes(sign(statement_of(notice), make_key("k")))
    with pytest.raises(DataError, match="is a signed notice; a signed claim is wanted"):
        read_claim(path)


def test_claims_stand_in_files_on_lines_and_in_folders(make_claim: Make, tmp_path: Path) -> None:
    claims = [make_claim(name) for name in ("A", "B", "C")]
    (tmp_path / "claim-a.json").write_bytes(claims[0].canonical())
    (tmp_path / "other.json").write_text("{}")
    lines = tmp_path / "lines.jsonl"
    lines.write_bytes(b"\n".join([claims[1].canonical(), b"", claims[2].canonical()]))
    assert list(claims_among([tmp_path, lines])) == claims
    lines.write_text("{}\n")
    with pytest.raises(DataError, match=r"lines\.jsonl, line 1"):
        list(claims_among([lines]))
    with pytest.raises(DataError, match="cannot be read"):
        list(claims_among([tmp_path / "absent.jsonl"]))


def test_sources_are_told_between_bars() -> None:
    found = sources_given(
        ["docs | P | T | https://x.y | | a | b", "docs|P|T|https://x.y|2020-01-02"]
    )
    parts = {"type": "docs", "publisher": "P", "title": "T", "url": "https://x.y"}
    assert found == [{**parts, "quote": "a | b"}, {**parts, "published": "2020-01-02"}]
    with pytest.raises(ClaimError, match="2 faults"):
        sources_given(["docs", "a|b|c"])


def test_texts_are_numbered_and_a_drafts_stand_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    (tmp_path / "b.txt").write_text("B")
    sources = [SimpleNamespace(text="a.txt"), SimpleNamespace(text=None)]
    assert texts_given([], sources, beside=tmp_path) == {1: "A"}
    assert texts_given([f"1={tmp_path / 'b.txt'}"], sources, beside=tmp_path) == {1: "B"}
    for wrong in ("a.txt", "x=a.txt", "1="):
        with pytest.raises(typer.BadParameter, match=r"1=paper\.pdf"):
            texts_given([wrong], sources, beside=tmp_path)
