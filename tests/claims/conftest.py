"""Keys, a trust file and signed records, made in code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.keys import Key, make_key
from verilora.records.claim import Claim, claim_id, statement_of
from verilora.records.trust import ROLES, Trust

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def make_claim(subject: str = "LoRA") -> Claim:
    title = "LoRA: Low-Rank Adaptation of Large Language Models"
    parts = ("introduced_in_paper", f"{title} (Hu et al., 2021)")
    return Claim.model_validate(
        {
            "id": claim_id(subject, parts[0], object=parts[1]),
            "subject": subject,
            "predicate": parts[0],
            "object": parts[1],
            "statement": statement_of(subject, parts[0], object=parts[1]),
            "confidence": 0.95,
            "confidence_rule": "one primary source",
            "tags": ["lora", "fine-tuning"],
            "sources": [
                {
                    "ordinal": 1,
                    "type": "preprint",
                    "publisher": "arXiv",
                    "title": title,
                    "url": "https://arxiv.org/abs/2106.09685",
                    "published": "2021-06-17",
                    "accessed": "2026-01-02",
                    "quote": "We propose Low-Rank Adaptation, or LoRA",
                },
                {
                    "ordinal": 2,
                    "type": "github-release",
                    "publisher": "Microsoft",
                    "title": "loralib",
                    "url": "https://github.com/microsoft/LoRA",
                },
            ],
            "published_at": "2026-02-01T00:00:00Z",
            "last_verified": "2026-02-01T00:00:00Z",
        }
    )


@dataclass
class World:
    """A root, a key that signs, another that nobody knows, and a folder for what is remembered."""

    folder: Path
    root: Key = field(default_factory=lambda: make_key("root"))
    key: Key = field(default_factory=lambda: make_key("signer"))
    stranger: Key = field(default_factory=lambda: make_key("stranger"))
    now: datetime = NOW

    def trusted(self, key: Key | None = None, **changes: Any) -> dict[str, Any]:
        """An entry of a trust file for a key that may sign everything."""
        public = (key or self.key).public.to_mapping()
        given = {"roles": list(ROLES), "valid_from": "2026-01-01T00:00:00Z"}
        return {**public, **given, **changes}

    def trust(self, *, keys: list[dict[str, Any]] | None = None, **changes: Any) -> Trust:
        """A trust file's record, by default with `key` in every role."""
        given = {
            "origin": self.root.id,
            "version": 1,
            "issued_at": "2026-01-01T00:00:00Z",
            "expires_at": "2027-01-01T00:00:00Z",
            "roots": [self.root.public.to_mapping()],
            "trusted": [self.trusted()] if keys is None else keys,
        }
        return Trust.model_validate({**given, **changes})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def claim() -> Claim:
    return make_claim()
