"""Requests: lines of JSON, each with a prompt or a conversation and the name of its adapter."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verilora.data.chat import ChatTemplate
from verilora.data.conversations import ANSWERS, to_turn
from verilora.data.dataset import Turn
from verilora.data.findings import Findings
from verilora.data.language import start_ids
from verilora.data.tables import find_table
from verilora.errors import DataError, nearest

KEYS = ("prompt", "messages", "adapter", "id")


@dataclass(frozen=True)
class Request:
    """One line of the file."""

    line: int
    given: Mapping[str, Any]
    """As it stands in the file, for the answer to repeat."""
    adapter: str | None
    """None for the base alone."""
    prompt: str | None
    turns: tuple[Turn, ...] = ()
    """In the place of a prompt, for the tokenizer's chat template."""


def read_requests(path: Path, adapters: Collection[str]) -> list[Request]:
    """The requests of a JSONL file (UTF-8), in order; blank lines are passed over.

    Each is {"prompt": text, "adapter": name} or {"messages": turns, "adapter": name}, perhaps with
    an "id"; "adapter": null means the base. Raises DataError with every fault and its line.
    """
    findings, found = Findings(find_table(path)), []
    for line, text in _lines(findings):
        try:
            found.append(
                _request(line, json.loads(text, parse_constant=_refuse), adapters=adapters)
            )
        except (ValueError, RecursionError) as error:
            findings.fault(line, f"is not JSON: {error}" if _is_syntax(error) else str(error))
    findings.raise_faults()
    if not found:
        raise DataError(f"{path} holds no request", file=str(path), line=None)
    return found


def encode_requests(requests: Sequence[Request], tokenizer: Any, *, path: Path) -> list[list[int]]:
    """Token ids to be written on, in order: as a prompt of training begins, or by the template.

    Raises DataError for a prompt without a token, RecipeError for a tokenizer without a template.
    """
    template = ChatTemplate(tokenizer) if any(one.turns for one in requests) else None
    start = start_ids(tokenizer)
    rows = []
    for one in requests:
        if one.turns:
            assert template is not None
            ids = template.prompt(one.turns, f"{path}, line {one.line}")
        else:
            written = tokenizer(one.prompt, add_special_tokens=False, verbose=False)
            ids = [*start, *written["input_ids"]]
        if not ids:
            raise DataError(
                f"{path}, line {one.line}: the prompt is empty, and the tokenizer begins no text "
                "with a token of its own: there is nothing to write after; give it a first word",
                file=str(path),
                line=one.line,
            )
        rows.append(ids)
    return rows


def _lines(findings: Findings) -> Iterator[tuple[int, str]]:
    try:
        content = findings.path.read_bytes()
    except OSError as error:
        told = f"{findings.path} cannot be read: {error.strerror}"
        raise DataError(told, file=str(findings.path), line=None) from error
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            findings.fault(number, f"byte {raw[error.start]:#04x} at {error.start} is not UTF-8")
        else:
            if text:
                yield number, text


def _request(line: int, row: Any, *, adapters: Collection[str]) -> Request:
    if not isinstance(row, dict):
        raise ValueError(f"a JSON object is wanted, and this is {type(row).__name__}")
    for key in row:
        if key not in KEYS:
            raise ValueError(f"unknown key '{key}'{nearest(key, KEYS)} (known: {', '.join(KEYS)})")
    if "adapter" not in row:
        raise ValueError(f"no key 'adapter'; {_known(adapters)}, or null for the base alone")
    adapter = row["adapter"]
    if adapter is not None and adapter not in tuple(adapters):
        hint = nearest(adapter, adapters) if isinstance(adapter, str) else ""
        raise ValueError(f"no adapter is called {adapter!r}{hint}; {_known(adapters)}")
    if ("prompt" in row) == ("messages" in row):
        raise ValueError("either 'prompt' or 'messages' is wanted")
    if "messages" in row:
        return Request(line, row, adapter, None, _turns(row["messages"]))
    prompt = row["prompt"]
    if not isinstance(prompt, str):
        raise ValueError(f"the prompt is {type(prompt).__name__}; text is wanted")
    _refuse_half_characters(prompt)
    return Request(line, row, adapter, prompt)


def _turns(value: Any) -> tuple[Turn, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('messages is a list of turns, each {"role": "user", "content": "..."}')
    turns = tuple(to_turn(one, number) for number, one in enumerate(value, 1))
    if turns[-1][0] == ANSWERS:
        raise ValueError("the last turn is the assistant's, whose answer is wanted; leave it out")
    return turns


def _refuse_half_characters(text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("the prompt holds half of a surrogate pair, which is no character")


def _known(adapters: Collection[str]) -> str:
    return f"there are: {', '.join(adapters)}"


def _is_syntax(error: Exception) -> bool:
    return isinstance(error, json.JSONDecodeError | RecursionError)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
