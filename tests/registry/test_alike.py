"""What a new claim may repeat is found by its id and by its fact, in each database."""

from __future__ import annotations

from typing import Any

from verilora.registry import Registry
from verilora.registry.alike import claims_alike


def test_the_same_id_and_the_same_fact_are_found(registry: Registry, url: str, make: Any) -> None:
    first = make.claim("Low-Rank Adaptation (LoRA)")
    entry = make.admit(registry, first)
    make.admit(registry, make.claim("LoRA+"))
    assert claims_alike(first, url) == (first,)
    assert claims_alike(make.claim("LoRA (Low-Rank Adaptation)"), url) == (first,)
    assert claims_alike(make.claim("QLoRA"), url) == ()
    make.admit(registry, make.notice(entry.digest))
    assert claims_alike(first, url) == ()
