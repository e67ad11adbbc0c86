"""One transaction: duplicates among those there and among themselves, payloads signed again."""

from __future__ import annotations

from typing import Any

import pytest

from verilora.claims.envelope import open_envelope
from verilora.claims.keys import make_key
from verilora.errors import AdmissionError
from verilora.registry import Registry


@pytest.mark.parametrize("together", [True, False])
def test_a_fact_told_twice_is_refused(small: Registry, make: Any, together: bool) -> None:
    first = make.claim("Low-Rank Adaptation (LoRA)")
    again = make.claim("LoRA (Low-Rank Adaptation)")
    if not together:
        make.admit(small, first)
    with pytest.raises(AdmissionError, match="probably") as refused:
        list(small.admit_many([make.sign(first), make.sign(again)]))
    assert refused.value.facts["of"] == first.id
    assert small.counts().records == 1


def test_a_fact_that_is_told_apart_is_admitted(small: Registry, make: Any) -> None:
    first = make.claim("Low-Rank Adaptation (LoRA)")
    apart = [{"id": first.id, "reason": "another paper of the same name"}]
    make.admit(small, first)
    make.admit(small, make.claim("LoRA (Low-Rank Adaptation)", distinct_from=apart))
    assert small.counts().claims == 2


def test_names_that_only_look_alike_are_admitted(small: Registry, make: Any) -> None:
    for name in ("LoRA", "LoRA+", "QLoRA", "DoRA", "AdaLoRA"):
        make.admit(small, make.claim(name))
    assert small.counts().claims == 5


def test_a_claim_comes_again_once_the_old_one_is_retracted(small: Registry, make: Any) -> None:
    old, new = make.claim(), make.claim(confidence=0.85)
    digest = make.admit(small, old).digest
    with pytest.raises(AdmissionError):
        make.admit(small, new)
    envelopes = [make.sign(make.notice(digest)), make.sign(new)]
    assert [entry.sequence for entry in small.admit_many(envelopes)] == [2, 3]
    view = small.claim(old.id)
    assert view is not None
    assert view.claim.confidence == 0.85
    assert [one.entry.standing for one in small.versions(old.id)] == ["standing", "retracted"]


def test_a_notice_may_come_before_what_it_is_about(small: Registry, make: Any) -> None:
    envelope = make.sign(make.claim())
    make.admit(small, make.notice(open_envelope(envelope).digest))
    entry = small.admit(envelope)
    assert entry.standing == "retracted"
    assert small.claims().items == ()
    assert small.search("lora") == ()


def test_a_payload_that_another_signs_too_stays_one_record(small: Registry, make: Any) -> None:
    first = make.admit(small, make.claim())
    again = make.admit(small, make.claim(), make_key("other"))
    assert (again.sequence, again.digest, again.is_new) == (1, first.digest, False)
    assert small.counts().records == 1
    assert small.envelope(first.digest) == make.sign(make.claim())
    assert make.admit(small, make.claim("Another")).sequence == 3


def test_an_envelope_with_other_spaces_is_the_same(small: Registry, make: Any) -> None:
    envelope = make.sign(make.claim())
    first = small.admit(envelope)
    assert small.admit(envelope.replace(b",", b" ,\n") + b"\n") == first
    assert make.admit(small, make.claim("Another")).sequence == 2
