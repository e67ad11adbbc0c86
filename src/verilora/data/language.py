"""Texts for a causal language model as token ids, and which of them are to be foretold.

Plain text: every token but the first, and the end token; what is longer than the limit becomes
pieces, each beginning with the token that the one before it ended with.
Prompt and completion: the completion's tokens and the end token; the two are encoded each by
itself, so that what is learnt starts from the very tokens that are written after later. Where the
task has them `separated`, the token that begins texts stands between the two and ends both, and the
completion begins as a word inside a text does.
Conversations: see `data.chat`. The tokenizer's own special tokens begin each text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from verilora.data.chat import ChatTemplate
from verilora.data.dataset import Example
from verilora.data.encoded import IGNORED, Encoded
from verilora.data.tasks import Task
from verilora.errors import DataError, RecipeError

CHUNK = 1024
"""Examples per call of the tokenizer."""
NO_TARGET = "longer than max_length before the first token to be learnt"


@dataclass(frozen=True)
class Tokens:
    """One text: its ids, and beside them the targets."""

    ids: list[int]
    targets: list[int]


def encode_language(
    examples: Sequence[Example], tokenizer: Any, *, max_length: int, task: Task
) -> Encoded:
    """The examples as rows of at most `max_length` tokens, each with a target at least.

    Plain text is cut into pieces; of all else the right end is cut, and an example without a target
    before it is dropped and counted. Raises RecipeError (no end token, no chat template, a limit
    without room) and DataError (a template that does not fit a conversation, nothing left).
    """
    if task.messages_column is not None:
        template = ChatTemplate(tokenizer)
        texts = ((one, Tokens(*template.encode(one.turns, one.id))) for one in examples)
        stops: tuple[int, ...] = ()
    else:
        template = None
        writer = _Writer(tokenizer, max_length=max_length, task=task)
        texts = writer.encode(examples)
        stops = writer.end
    pieces = task.messages_column is None and not task.label_column
    rows, kept, cut, dropped = _fit(texts, max_length, pieces=pieces)
    if not rows:
        raise DataError(
            f"no text has a token to be learnt within training.max_length = {max_length} tokens; "
            "set it higher",
            file=None,
            line=None,
        )
    return Encoded(
        [row.ids for row in rows],
        None,
        [],
        kept,
        truncated=cut,
        targets=[row.targets for row in rows],
        dropped=dropped,
        stops=stops if template is None else template.stops(),
        notes=() if template is None else template.notes(),
    )


def _fit(
    texts: Iterator[tuple[Example, Tokens]], limit: int, *, pieces: bool
) -> tuple[list[Tokens], list[str], int, Counter[str]]:
    """Rows within the limit, of which example each is, how many were cut, what was dropped."""
    rows: list[Tokens] = []
    kept: list[str] = []
    cut, dropped = 0, Counter[str]()
    for example, whole in texts:
        cut += len(whole.ids) > limit
        found = [row for row in _cut(whole, limit, pieces=pieces) if _learnt(row)]
        if not found:
            dropped[NO_TARGET] += 1
        rows += found
        kept += [example.id] * len(found)
    return rows, kept, cut, dropped


def _cut(whole: Tokens, limit: int, *, pieces: bool) -> Iterator[Tokens]:
    # A piece begins with the last token of the one before it: each is foretold exactly once.
    starts = range(0, len(whole.ids) - 1, limit - 1) if pieces else (0,)
    for start in starts:
        end = start + limit
        yield Tokens(whole.ids[start:end], [IGNORED, *whole.targets[start + 1 : end]])


def _learnt(row: Tokens) -> bool:
    return any(one != IGNORED for one in row.targets)


class _Writer:
    """Texts and prompts with completions, by one tokenizer."""

    def __init__(self, tokenizer: Any, *, max_length: int, task: Task) -> None:
        self._tokenizer = tokenizer
        self._start = start_ids(tokenizer)
        end = tokenizer.eos_token_id
        if task.separated and tokenizer.bos_token_id is not None:
            end = tokenizer.bos_token_id
        self.end: tuple[int, ...] = () if end is None else (end,)
        self._between = self.end if task.separated else ()
        self._space = " " if task.separated and not _spaces_words(tokenizer) else ""
        if task.label_column and not self.end:
            raise RecipeError(
                "[model]",
                [
                    "the tokenizer has no end token (eos_token), so that a model would never learn "
                    "where a completion ends; set eos_token in the base's tokenizer_config.json"
                ],
            )
        room = len(self._start) + 2
        if max_length < room:
            raise RecipeError(
                "[training]",
                [
                    f"max_length is {max_length} tokens, and {len(self._start)} of them begin "
                    f"every text; at least {room} are wanted"
                ],
            )

    def encode(self, examples: Sequence[Example]) -> Iterator[tuple[Example, Tokens]]:
        """Each example with its tokens: of a text, or of a prompt and its completion."""
        for start in range(0, len(examples), CHUNK):
            chunk = examples[start : start + CHUNK]
            *prompts, answers = zip(*(one.texts for one in chunk), strict=True)
            spaced = [f"{self._space}{answer}" for answer in answers]
            columns = [self._ids(column) for column in (*prompts, spaced)]
            for example, parts in zip(chunk, zip(*columns, strict=True), strict=True):
                yield example, self._joined(parts)

    def _joined(self, parts: Sequence[list[int]]) -> Tokens:
        *prompt, answer = parts
        learnt = [*answer, *self.end]
        before = [*self._start, *(prompt[0] if prompt else []), *self._between]
        return Tokens([*before, *learnt], [*[IGNORED] * len(before), *learnt])

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        written = self._tokenizer(
            list(texts), add_special_tokens=False, padding=False, verbose=False
        )
        return written["input_ids"]


def _spaces_words(tokenizer: Any) -> bool:
    """True if a word has the same ids at the beginning of a text as after another word."""
    one = tokenizer("a", add_special_tokens=False)["input_ids"]
    return tokenizer("a a", add_special_tokens=False)["input_ids"] == [*one, *one]


def start_ids(tokenizer: Any) -> list[int]:
    """The special tokens that the tokenizer itself puts before a text; often one, or none."""
    alone = tokenizer("a", add_special_tokens=False)["input_ids"]
    whole = tokenizer("a")["input_ids"]
    places = range(len(whole) - len(alone) + 1)
    place = next((at for at in places if whole[at : at + len(alone)] == alone), 0)
    return whole[:place]
