"""A trust file at the door: states are recorded, or only what is valid comes in."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.keys import make_key
from verilora.errors import AdmissionError
from verilora.records.trust import Trust
from verilora.registry import open_registry
from verilora.registry.trusting import door_of

TRUSTED, STRANGER = make_key("trusted"), make_key("stranger")


@pytest.fixture
def trust() -> Trust:
    """Trusts one key for claims alone."""
    key = {"id": TRUSTED.id, "x": TRUSTED.public.x, "name": "trusted", "roles": ["claim"]}
    root = TRUSTED.public.to_mapping()
    return Trust.model_validate(
        {
            "origin": root["id"],
            "version": 1,
            "issued_at": "2026-01-01T00:00:00Z",
            "expires_at": "2999-01-01T00:00:00Z",
            "roots": [root],
            "trusted": [key],
        }
    )


def test_what_is_valid_and_what_is_not_is_recorded(make: Any, tmp_path: Any, trust: Trust) -> None:
    with open_registry(str(tmp_path / "r"), door=door_of(trust)) as registry:
        good = make.admit(registry, make.claim("A"), TRUSTED)
        other = make.admit(registry, make.claim("B"), STRANGER)
        assert (good.state, good.key_ids) == ("valid", (TRUSTED.id,))
        assert (other.state, other.key_ids) == ("unknown-key", ())
        again = make.admit(registry, make.claim("B"), TRUSTED)
        assert (again.sequence, again.state) == (other.sequence, "valid")
        make.admit(registry, make.notice(good.digest), STRANGER)
        assert registry.claims().items[1].is_current
        # The record's own key may take it back, trusted for notices or not.
        make.admit(registry, make.notice(good.digest), TRUSTED)
        assert [view.claim.subject for view in registry.claims().items] == ["B"]
        assert registry.rebuild() == registry.counts().records


def test_what_is_not_trusted_may_be_kept_out(make: Any, tmp_path: Any, trust: Trust) -> None:
    with open_registry(str(tmp_path / "r"), door=door_of(trust, require_trust=True)) as registry:
        make.admit(registry, make.claim("A"), TRUSTED)
        with pytest.raises(AdmissionError, match="trust file knows no key"):
            make.admit(registry, make.claim("B"), STRANGER)
        assert registry.counts().records == 1


def test_a_false_signature_never_comes_in(make: Any, tmp_path: Any, trust: Trust) -> None:
    envelope = make.sign(make.claim("A"), TRUSTED)
    forged = make.sign(make.claim("B"), TRUSTED)
    mark = b'"sig":"'
    start, end = envelope.index(mark), forged.index(mark)
    mixed = forged[:end] + envelope[start : start + 95] + forged[end + 95 :]
    with open_registry(str(tmp_path / "r"), door=door_of(trust)) as registry:
        with pytest.raises(AdmissionError, match="not made over these bytes"):
            registry.admit(mixed)
        assert registry.counts().records == 0
