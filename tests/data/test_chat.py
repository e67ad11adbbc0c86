from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from verilora.data.chat import ChatTemplate
from verilora.data.conversations import ROLES
from verilora.data.encoded import IGNORED
from verilora.errors import DataError, RecipeError

TALK = (
    ("system", "sings"),
    ("user", "a man"),
    ("assistant", "plays music"),
    ("user", "a dog"),
    ("assistant", "runs"),
)


def told(tokenizer: Any, ids: list[int], targets: list[int]) -> str:
    """The conversation with what is learnt in angle brackets."""
    words = tokenizer.convert_ids_to_tokens(ids)
    return " ".join(
        word if target == IGNORED else f"<{word}>"
        for word, target in zip(words, targets, strict=True)
    )


def test_the_assistants_turns_are_learnt_and_what_ends_them(speaker: Any) -> None:
    template = ChatTemplate(speaker)
    assert told(speaker, *template.encode(TALK, "train-0")) == (
        "[system] sings [END] [user] a man [END] [assistant] <plays> <music> <[END]> "
        "[user] a dog [END] [assistant] <runs> <[END]>"
    )
    assert template.stops() == (1, 3)
    assert template.notes() == ()


def test_a_word_after_the_end_is_not_learnt(speaker: Any) -> None:
    speaker.chat_template = speaker.chat_template.replace("[END]", "[END] the ")
    template = ChatTemplate(speaker)
    assert told(speaker, *template.encode(TALK[1:3], "train-0")).endswith("<[END]> the")
    assert template.stops() == (1, 3)


def test_without_a_generation_prompt_the_role_is_learnt_too(speaker: Any) -> None:
    speaker.chat_template = speaker.chat_template.partition("{% if add")[0]
    found = told(speaker, *ChatTemplate(speaker).encode(TALK[1:3], "train-0"))
    assert found == "[user] a man [END] <[assistant]> <plays> <music> <[END]>"


def test_an_assistant_may_begin(speaker: Any) -> None:
    found = told(speaker, *ChatTemplate(speaker).encode(TALK[2:4], "train-0"))
    assert found == "<[assistant]> <plays> <music> <[END]> [user] a dog [END]"


def test_turns_that_nothing_ends_are_said(speaker: Any) -> None:
    speaker.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    template = ChatTemplate(speaker)
    template.encode(TALK[1:3], "train-0")
    assert template.stops() == (1,)
    assert "no special token at the end of an assistant's turn" in template.notes()[0]


def test_a_template_that_changes_earlier_turns_is_refused(speaker: Any) -> None:
    speaker.chat_template = (
        "{% for m in messages %}{% if m['role'] != 'assistant' or loop.last %}"
        "{{ m['content'] }} [END]{% endif %}{% endfor %}"
    )
    template = ChatTemplate(speaker)
    assert (
        told(speaker, *template.encode(TALK[1:3], "train-0"))
        == "a man [END] <plays> <music> <[END]>"
    )
    with pytest.raises(DataError, match="writes train-7 up to its turn 3 in other tokens than"):
        template.encode(TALK, "train-7")


def test_what_the_template_refuses_is_told_with_its_reason(speaker: Any) -> None:
    speaker.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(DataError, match=r"refuses train-3 \(turns: user, assistant\): roles must"):
        ChatTemplate(speaker).encode(TALK[1:3], "train-3")


def test_a_tokenizer_without_a_template_is_refused_with_what_to_do(speaker: Any) -> None:
    speaker.chat_template = None
    with pytest.raises(RecipeError, match="no chat template; put one beside its files"):
        ChatTemplate(speaker)


def test_a_long_conversation_is_not_grumbled_about(
    speaker: Any, caplog: pytest.LogCaptureFixture
) -> None:
    long = (("user", "a man " * 60), ("assistant", "plays"))
    with caplog.at_level(logging.WARNING):
        ids, _ = ChatTemplate(speaker).encode(long, "train-0")
    assert len(ids) > speaker.model_max_length
    assert not caplog.records


MARKED = (
    "{% for m in messages %}[{{ m['role'] }}]\n{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] }}[END]{% endgeneration %}\n"
    "{% else %}{{ m['content'] }}[END]\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]\n{% endif %}"
)
"""As chat templates are mostly written; marked for transformers' own mask."""


@pytest.mark.parametrize("turns", [TALK, TALK[1:3], TALK[3:], (*TALK, ("user", "the cat"))])
def test_what_is_learnt_is_what_transformers_marks(
    turns: tuple[tuple[str, str], ...], shared: Callable[[str], Path]
) -> None:
    packed = (shared("tokenizers") / "gpt2" / "tokenizer.json.gz").read_bytes()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(gzip.decompress(packed).decode()),
        additional_special_tokens=["[END]", *(f"[{role}]" for role in ROLES)],
    )
    tokenizer.chat_template = MARKED
    messages = [{"role": role, "content": content} for role, content in turns]
    theirs = tokenizer.apply_chat_template(
        messages, return_assistant_tokens_mask=True, return_dict=True
    )
    ids, targets = ChatTemplate(tokenizer).encode(turns, "train-0")
    assert ids == theirs["input_ids"]
    assert [int(target != IGNORED) for target in targets] == theirs["assistant_masks"]
    assert sum(theirs["assistant_masks"]) > 0
