from __future__ import annotations

import torch

from verilora.train.stream import RandomStream

CPU = torch.device("cpu")


def draws(stream: RandomStream, count: int = 3) -> list[float]:
    with stream:
        return torch.rand(count).tolist()


def test_a_stream_depends_on_its_seed_alone() -> None:
    torch.manual_seed(1)
    first = draws(RandomStream(5, CPU))
    torch.rand(10)
    assert draws(RandomStream(5, CPU)) == first
    assert draws(RandomStream(6, CPU)) != first


def test_what_others_draw_between_changes_nothing() -> None:
    undisturbed = RandomStream(5, CPU)
    expected = draws(undisturbed) + draws(undisturbed)
    stream = RandomStream(5, CPU)
    found = draws(stream)
    torch.manual_seed(99)
    torch.rand(7)
    assert found + draws(stream) == expected


def test_the_global_state_is_given_back() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4).tolist()
    torch.manual_seed(3)
    stream = RandomStream(5, CPU)
    draws(stream)
    assert torch.rand(4).tolist() == expected


def test_the_state_is_given_back_when_the_block_fails() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    try:
        with RandomStream(5, CPU):
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert torch.equal(torch.get_rng_state(), before)


def test_a_state_goes_on_where_it_was_taken() -> None:
    stream = RandomStream(5, CPU)
    draws(stream)
    state = stream.state()
    expected = draws(stream)
    other = RandomStream(0, CPU)
    other.restore(state)
    assert draws(other) == expected
