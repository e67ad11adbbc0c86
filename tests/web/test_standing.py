"""What has become of a record, in words."""

from __future__ import annotations

from verilora.registry.views import Entry
from verilora.web.finding import Site
from verilora.web.standing import SIGNATURES, history_of, notices_told, state_of


def _state(filled, id):
    house = Site(filled.registry)
    view = house.claim(id)
    return state_of(view, house.verdict_of(view))


def test_states_have_a_sign_and_a_word(filled) -> None:
    wanted = {
        filled.claims[0].id: ("stands", "✓", "stands"),
        filled.performance.id: ("reproduced", "✓", "reproduced"),
        filled.gone.id: ("retracted", "✗", "retracted"),
    }
    for id, told in wanted.items():
        assert _state(filled, id)[:3] == told


def test_a_dispute_and_a_supersession_are_told(fresh) -> None:
    first, second = fresh.admit(fresh.claim("LoRA")), fresh.admit(fresh.claim("Adapters"))
    fresh.admit(fresh.notice(first.digest, "dispute", url="https://example.org/why"))
    view = fresh.registry.claim(first.digest)
    assert state_of(view, None).word == "disputed"
    fresh.admit(fresh.notice(first.digest, "supersession", by=second.digest))
    view = fresh.registry.claim(first.digest)
    assert state_of(view, None).word == "superseded"
    places = Site(fresh.registry).places_of(view.notices)
    dispute, supersession = notices_told(view.notices, places)
    assert dispute.url == "https://example.org/why"
    other = fresh.registry.claim(second.digest)
    assert supersession.by == f"/claims/{other.id}"
    assert (dispute.icon, supersession.icon) == ("!", "↻")


def test_history_is_in_order(filled) -> None:
    view = filled.registry.claim(filled.gone.id)
    moments = [event.moment for event in history_of(view.entry, view.notices)]
    assert moments == sorted(moments)
    assert len(moments) == 2


def test_every_state_of_a_signature_has_words() -> None:
    assert {"valid", "unchecked", "unknown-key", "revoked"} <= set(SIGNATURES)
    assert Entry(1, "", "", "claim", "2026", "valid").standing == "standing"
