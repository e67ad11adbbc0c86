"""The claims that a new registry begins with: data in family.toml, written by the rules."""

from __future__ import annotations

from pathlib import Path

from verilora.claims.draft import draft_of, read_table
from verilora.claims.issue import fact
from verilora.records.claim import Claim

DATA = Path(__file__).with_name("family.toml")


def load_family(path: Path = DATA) -> tuple[Claim, ...]:
    """LoRA, QLoRA, RoPE, Switch Transformer and ResNet, each with its sources; unsigned.

    The same bytes every time: the file says when they were written. Raises ClaimError for one that
    the rules refuse, a duplicate among them included.
    """
    table = read_table(path.read_bytes(), name=path.name)
    claims: list[Claim] = []
    for number, given in enumerate(table["claim"], 1):
        draft = draft_of(given, name=f"claim {number} of {path.name}")
        claims.append(fact(draft, at=table["written"], others=claims))
    return tuple(claims)
