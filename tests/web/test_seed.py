"""An empty registry begins with a few claims; one that holds anything is left alone."""

from __future__ import annotations

from verilora.web.seed import seed


def test_an_empty_registry_is_seeded_once(fresh) -> None:
    count = seed(fresh.registry, fresh.key)
    assert count >= 5
    assert fresh.registry.claim("d7b97d1b93d8d8bc").is_current
    assert fresh.registry.claim("767cbe41c961be1a").is_current
    assert seed(fresh.registry, fresh.key) == 0
