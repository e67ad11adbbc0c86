"""Numbers and negations are compared exactly; words are not judged at all."""

from __future__ import annotations

import pytest

from verilora.web.candidates import differences_of, numbers_in

HELD = "LoRA reaches: 89.7 % accuracy on MRPC (Hu et al., 2021)."


@pytest.mark.parametrize(
    "given",
    ["LoRA reaches 89.70 % on MRPC", "in 2021 LoRA came", "LoRA reaches +89.7", "no numbers"[3:]],
)
def test_what_agrees_has_no_difference(given: str) -> None:
    assert differences_of(given, HELD) == ()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("LoRA reaches 90.7 %", "90.7"),
        ("LoRA reaches 0.897", "0.897"),
        ("LoRA reaches -89.7", "-89.7"),
        ("LoRA reaches 89.7 and 89.7", "89.7 is not so often"),
        ("In 2021 LoRA reached 89.7", "another order"),
        ("LoRA 7B reaches 89.7", "'7b'"),
        ("LoRA on ResNet50 reaches 89.7", "'resnet50'"),
        ("LoRA does not reach 89.7", "negation"),
        ("LoRA cannot reach 89.7", "the sentence has 'not', the claim none"),
        ("LoRA doesn't reach 89.7", "negation"),
        ("LoRA never came in 2021", "negation"),
        ("LoRA reaches 897", "897"),
    ],
)
def test_another_number_or_a_negation_is_told(given: str, told: str) -> None:
    (sentence,) = differences_of(given, HELD)
    assert told in sentence


@pytest.mark.parametrize(
    ("given", "held", "agrees"),
    [
        ("A does not reach 5", "A doesn't reach 5", True),
        ("A cannot reach 5", "A can not reach 5", True),
        ("A fails to reach 5", "A failed to reach 5", True),
        ("A does not fail", "A does not", False),
        ("A never reaches 5 without B", "A never reaches 5 with B", False),
        ("A goes from 5 to 8", "A goes from 8 to 5", False),
        ("LLaMA 7B reaches 5", "LLaMA 13B reaches 5", False),
        ("LLaMA 7B reaches 5", "llama 7b reaches 5 in 2021", True),
    ],
)
def test_negations_are_counted_and_numbers_keep_their_order(
    given: str, held: str, agrees: bool
) -> None:
    assert (differences_of(given, held) == ()) == agrees
    assert agrees or differences_of(held, given)


def test_a_number_has_one_spelling() -> None:
    assert numbers_in("1,000 and 1000.0 and 1e3") == ("1000",) * 3
    assert numbers_in("2106.09685 RoBERTa-base r8 v1.2.3") == ("2106.09685",)
    assert numbers_in("9" * 100) == ("9" * 100,)
    assert numbers_in("1e999999") == ("1e999999",)
