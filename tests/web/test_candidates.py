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
        ("LoRA does not reach 89.7", "negation"),
        ("LoRA doesn't reach 89.7", "negation"),
        ("LoRA never came in 2021", "negation"),
        ("LoRA reaches 897", "897"),
    ],
)
def test_another_number_or_a_negation_is_told(given: str, told: str) -> None:
    (sentence,) = differences_of(given, HELD)
    assert told in sentence


def test_a_number_has_one_spelling() -> None:
    assert numbers_in("1,000 and 1000.0 and 1e3") == {"1000"}
    assert numbers_in("2106.09685 RoBERTa-base r8 v1.2.3") == {"2106.09685"}
    assert numbers_in("9" * 100) == {"9" * 100}
    assert numbers_in("1e999999") == {"1e999999"}
