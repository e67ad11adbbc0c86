"""A claim told in a terminal: nothing is left out, no line is long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from verilora.claims.family import load_family
from verilora.claims.issue import claim_of
from verilora.cli.claim_told import claim_told
from verilora.records.claim import Claim
from verilora.records.verdict import VerdictDocument

FILE = Path("c.json")


def test_everything_that_a_claim_says_is_told() -> None:
    for claim in load_family():
        told = claim_told(claim, claim.digest, signed=False, file=FILE)
        flat = " ".join(told.split())
        pieces = [claim.statement, claim.id, claim.confidence_rule, claim.digest, *claim.tags]
        for source in claim.sources:
            pieces += [source.title, source.url, source.type, source.published or ""]
            pieces += [source.quote or ""]
        for piece in pieces:
            assert piece in flat, piece
        assert max(map(len, told.splitlines())) <= 120


def test_what_is_to_do_next_depends_on_the_signature(make_claim: Callable[..., Claim]) -> None:
    claim = make_claim("LoRA", distinct_from=[{"id": "0" * 16, "reason": "a radio"}])
    bare = claim_told(claim, claim.digest, signed=False, file=FILE)
    assert "Not signed: verilora sign c.json" in bare
    assert "a radio" in bare
    signed = claim_told(claim, claim.digest, signed=True, file=FILE)
    assert "Its signature was not looked at: verilora verify c.json" in signed


def test_a_performance_names_its_grounds(
    reproduction: Callable[..., VerdictDocument],
) -> None:
    claim = claim_of(reproduction(89.4, 89.5), at="2026-01-01T00:00:00Z")
    told = claim_told(claim, claim.digest, signed=False, file=FILE)
    assert claim.performance is not None
    for piece in (claim.performance.verdict, claim.performance.preregistration or "", "protocol"):
        assert piece in told
