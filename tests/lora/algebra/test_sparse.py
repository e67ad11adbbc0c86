"""TIES, DARE and pruning on dense matrices, with peft as the oracle."""

from __future__ import annotations

import pytest
import torch
from peft.utils.merge_utils import magnitude_prune as their_magnitude_prune
from peft.utils.merge_utils import ties as their_ties

from verilora.errors import ConfigError
from verilora.lora.algebra.sparse import Method, drop, elect, trim


@pytest.fixture
def matrices():
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(7, 9, generator=generator, dtype=torch.float64) for _ in range(3)]


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("weights", [[1.0, 1.0, 1.0], [0.5, 2.0, -1.0]])
def test_ties_and_magnitude_are_those_of_peft(matrices, density, weights):
    as_tensor = torch.tensor(weights, dtype=torch.float64)
    found = Method("ties", density).apply(matrices, weights, path="x")
    torch.testing.assert_close(found, their_ties(matrices, as_tensor, density))
    found = Method("magnitude", density).apply(matrices, weights, path="x")
    torch.testing.assert_close(found, their_magnitude_prune(matrices, as_tensor, density))


def test_ties_by_hand():
    """The paper's own steps on four entries: trim 2 of 4, signs by the sum, mean of those alike."""
    first = torch.tensor([[4.0, -1.0, 3.0, 0.5]])
    second = torch.tensor([[-2.0, 0.1, 5.0, 0.2]])
    assert torch.equal(trim(first, 0.5), torch.tensor([[4.0, 0.0, 3.0, 0.0]]))
    found = Method("ties", 0.5).apply([first, second], [1.0, 1.0], path="x")
    assert torch.equal(found, torch.tensor([[4.0, 0.0, 4.0, 0.0]]))


def test_election_weighs_after_it():
    found = elect([torch.tensor([[1.0]]), torch.tensor([[3.0]])], [2.0, 0.0])
    assert torch.equal(found, torch.tensor([[1.0]]))


def test_dropping_keeps_the_expectation_and_depends_on_its_key_alone(matrices):
    ones = torch.ones(200, 200, dtype=torch.float64)
    found = drop(ones, 0.25, seed=0, key="a")
    assert set(found.unique().tolist()) == {0.0, 4.0}
    assert found.mean().item() == pytest.approx(1.0, abs=0.05)
    torch.manual_seed(99)
    assert torch.equal(found, drop(ones, 0.25, seed=0, key="a"))
    assert not torch.equal(found, drop(ones, 0.25, seed=1, key="a"))
    assert not torch.equal(found, drop(ones, 0.25, seed=0, key="b"))
    assert torch.equal(drop(ones, 1.0, seed=0, key="a"), ones)


def test_dare_drops_each_adapter_by_itself(matrices):
    alone = Method("dare", 0.5, seed=3).apply(matrices[:1], [2.0], path="x")
    assert torch.equal(alone, 2.0 * drop(matrices[0], 0.5, seed=3, key="x|0"))
    full = Method("dare").apply(matrices, [1.0, 1.0, 1.0], path="x")
    torch.testing.assert_close(full, sum(matrices))
    both = Method("dare-ties", 0.5, seed=3).apply(matrices, [1.0] * 3, path="x")
    dropped = [drop(one, 0.5, seed=3, key=f"x|{i}") for i, one in enumerate(matrices)]
    assert torch.equal(both, elect(dropped, [1.0] * 3))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "tie"}, "did you mean 'ties'"),
        ({"name": "ties", "density": 0}, "density is 0"),
        ({"name": "ties", "density": 1.5}, "at most 1"),
        ({"name": "sum", "density": 0.5}, "means nothing to the exact sum"),
    ],
)
def test_methods_that_cannot_be(fields, told):
    with pytest.raises(ConfigError, match=told):
        Method(**fields)
