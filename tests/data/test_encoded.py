from __future__ import annotations

from verilora.data.encoded import IGNORED, Encoded

TWO = Encoded(
    [[1, 2, 3, 4], [1, 5, 6]],
    None,
    [],
    ["a", "b"],
    truncated=0,
    targets=[[IGNORED, IGNORED, 3, 4], [IGNORED, 5, IGNORED]],
)


def test_the_unit_of_a_loss_is_a_target_or_an_example() -> None:
    assert TWO.target_counts == [2, 1]
    assert TWO.units([0, 1]) == 3
    classes = Encoded([[1], [2], [3]], None, [0, 1, 1], ["a", "b", "c"], truncated=0)
    assert classes.units([0, 2]) == 2
    assert classes.target_counts == []


def test_a_prompt_ends_before_the_last_stretch_of_targets() -> None:
    assert TWO.prompt(0) == [1, 2]
    assert TWO.prompt(1) == [1]
    turns = [IGNORED, 7, IGNORED, 8, 9, IGNORED]
    talk = Encoded([[1, 7, 3, 8, 9, 2]], None, [], ["a"], truncated=0, targets=[turns])
    assert talk.prompt(0) == [1, 7, 3]
    whole = Encoded([[7, 8]], None, [], ["a"], truncated=0, targets=[[7, 8]])
    assert whole.prompt(0) == []


def test_pieces_of_one_text_are_one_example() -> None:
    pieces = Encoded([[1], [2], [3]], None, [], ["a", "a", "b"], truncated=1)
    assert pieces.examples == ["a", "b"]
    assert pieces.lengths == [1, 1, 1]
