"""Conversations as the tokenizer's own chat template writes them; learnt are the assistant's turns.

Which tokens are the assistant's is found by writing the conversation up to the turn and up to its
end: that works for every template whose text for a beginning is the beginning of its text for the
whole, and any other is refused. The token that ends a turn is learnt with it;
what a template writes after that, a newline mostly, is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verilora.data.conversations import ANSWERS
from verilora.data.dataset import Turn
from verilora.data.encoded import IGNORED
from verilora.errors import DataError, RecipeError


class ChatTemplate:
    """One tokenizer's template, and what its turns ended with so far."""

    def __init__(self, tokenizer: Any) -> None:
        if not tokenizer.chat_template:
            raise RecipeError(
                "[task]",
                [
                    "messages_column names conversations, and the base's tokenizer has no chat "
                    "template; put one beside its files (chat_template.jinja), choose a base that "
                    "has one, or give prompts and completions (text_columns and label_column)"
                ],
            )
        self._tokenizer = tokenizer
        self._special = frozenset(tokenizer.all_special_ids)
        self._ends: dict[int, None] = {}
        self._unended = 0

    def encode(self, turns: Sequence[Turn], name: str) -> tuple[list[int], list[int]]:
        """Ids of the whole conversation, and beside them the targets.

        Raises DataError, with the example's id, for a conversation that the template refuses or
        whose beginnings it does not write as it writes the whole.
        """
        ids = self._write(turns, name)
        targets = [IGNORED] * len(ids)
        for number, (role, _) in enumerate(turns):
            if role != ANSWERS:
                continue
            before = self._write(turns[:number], name, answering=True) if number else []
            upto = self._write(turns[: number + 1], name)
            if ids[: len(before)] != before or ids[: len(upto)] != upto:
                raise _unstable(name, number)
            end = self._end_of(upto, len(before))
            targets[len(before) : end] = upto[len(before) : end]
        return ids, targets

    def prompt(self, turns: Sequence[Turn], name: str) -> list[int]:
        """Ids of the conversation up to where the assistant is to begin. Raises DataError."""
        return self._write(turns, name, answering=True)

    def stops(self) -> tuple[int, ...]:
        """Ids that end a turn: the special ones found there, and the tokenizer's end token."""
        end = self._tokenizer.eos_token_id
        return tuple(sorted({*self._ends, *(() if end is None else (end,))}))

    def notes(self) -> tuple[str, ...]:
        """What is worth saying about the template."""
        if not self._unended:
            return ()
        return (
            "the chat template writes no special token at the end of an assistant's turn: nothing "
            "is learnt that would end an answer, and only max_new_tokens does",
        )

    def _end_of(self, upto: list[int], start: int) -> int:
        """Where the turn that began at `start` ends: behind its special token, if it has one.

        A template may write a newline after it, which nobody is to learn.
        """
        for place in range(len(upto) - 1, max(start, len(upto) - 2) - 1, -1):
            if upto[place] in self._special:
                self._ends[upto[place]] = None
                return place + 1
        self._unended += 1
        return len(upto)

    def _write(self, turns: Sequence[Turn], name: str, *, answering: bool = False) -> list[int]:
        messages = [{"role": role, "content": content} for role, content in turns]
        try:
            text = self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=answering
            )
        except Exception as error:  # a template raises what its author wrote
            roles = ", ".join(role for role, _ in turns)
            raise DataError(
                f"the base's chat template refuses {name} (turns: {roles}): {error}; write the "
                "conversation as the template wants it, or choose another base",
                file=None,
                line=None,
            ) from error
        # The template has written every special token itself.
        return self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]


def _unstable(name: str, number: int) -> DataError:
    return DataError(
        f"the base's chat template writes {name} up to its turn {number + 1} in other tokens than "
        "those that its whole begins with (it drops or changes earlier turns), so that what the "
        "assistant said cannot be told apart; give one answer per conversation, or prompts and "
        "completions (text_columns and label_column)",
        file=None,
        line=None,
    )
