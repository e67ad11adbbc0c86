"""What can be added, and what cannot: one sentence each."""

from __future__ import annotations

import pytest
import torch

from verilora.errors import AdapterFileError, BaseMismatch, ConfigError, ShapeError
from verilora.lora.algebra.agreement import combined_whole, notes_on_bases, refuse_disagreement


def test_bases_must_agree_where_they_are_known(llama_adapter):
    one = llama_adapter(base_digests={"x": "sha256:1", "y": "sha256:2"})
    other = llama_adapter(base_digests={"x": "sha256:1", "y": "sha256:3"})
    fewer = llama_adapter(base_digests={"x": "sha256:1"})
    refuse_disagreement([one, one, fewer, llama_adapter()], [1, 1, 1, 1])
    with pytest.raises(BaseMismatch, match=r"1 tensors have other digests \('y'\)"):
        refuse_disagreement([one, fewer, other], [1, 1, 1])
    assert "not every adapter records" in " ".join(notes_on_bases([one, llama_adapter()]))
    named = [one.replace(base="a/x"), one.replace(base="b/y")]
    assert list(notes_on_bases(named)) == ["the bases go by 2 names (a/x, b/y)"]


@pytest.mark.parametrize("weights", [[1.0], [1.0, float("nan")], [1.0, "2"], [1.0, float("inf")]])
def test_weights_that_cannot_be(llama_adapter, weights):
    with pytest.raises(ConfigError, match="combine"):
        refuse_disagreement([llama_adapter()] * 2, weights)
    with pytest.raises(ConfigError, match="adapters: 0, weights: 0; one"):
        refuse_disagreement([], [])


def test_dora_and_other_shapes(llama_adapter, make_pair):
    dora = llama_adapter(fields=lambda path: {"magnitude": torch.ones(16)})
    with pytest.raises(AdapterFileError, match="adapter 2 is DoRA"):
        refuse_disagreement([llama_adapter(), dora], [1, 1])
    first = next(iter(llama_adapter().pairs))
    other = llama_adapter().replace(pairs={first: make_pair(8, 16)})
    with pytest.raises(ShapeError, match=r"shapes \(16, 16\), \(8, 16\)"):
        refuse_disagreement([llama_adapter(), other], [1, 1])


def test_heads_add_up_where_the_base_cancels():
    """W₀ + Σ wᵢ (Wᵢ − W₀), computed with a W₀ that the function never sees."""
    base, weights = torch.randn(3), [0.25, 0.75]
    values = [base + torch.randn(3) for _ in weights]
    found = combined_whole([{"h": v} for v in values], weights, exact=True)["h"]
    wanted = base + sum(w * (v - base) for w, v in zip(weights, values, strict=True))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("tensors", "weights", "exact", "told"),
    [
        ([{"h": 1.0}, {"h": 2.0}], [1, 1], True, "add up to 2"),
        ([{"h": 1.0}, {}], [0.5, 0.5], True, "in 1 of 2 adapters"),
        ([{"h": 1.0}, {"h": 2.0}], [0.5, 0.5], False, "for updates alone"),
        ([{"h": 1.0}, {"h": [1.0, 2.0]}], [0.5, 0.5], True, "another shape"),
    ],
)
def test_heads_that_do_not(tensors, weights, exact, told):
    made = [{name: torch.tensor(value) for name, value in own.items()} for own in tensors]
    with pytest.raises(AdapterFileError, match=told):
        combined_whole(made, weights, exact=exact)


def test_a_head_that_is_the_same_in_all_is_kept():
    head = {"h": torch.ones(2)}
    assert combined_whole([head, dict(head)], [1, 1], exact=False) == head
    assert combined_whole([{}, {}], [1, 1], exact=True) == {}
