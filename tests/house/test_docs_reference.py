"""The reference is complete and holds nothing that is not there: commands, errors, keys of files.

docs/commands.md has a heading for each command (`## verilora train`), in whose section every
argument and flag of that command is named as code; flags that all commands share stand anywhere in
it. docs/files.md has a heading with the name of each file, in whose section each key is named.
"""

from __future__ import annotations

import builtins
import dataclasses
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import typer
from pydantic import BaseModel

from verilora import errors
from verilora.claims.draft import Draft
from verilora.lora import attach
from verilora.records.adapter import LoraConfig
from verilora.records.adapter_facts import AdapterFacts
from verilora.records.anchor import AnchorReport
from verilora.records.claim import Claim
from verilora.records.events import Event
from verilora.records.failure import Failure
from verilora.records.recipe import Recipe
from verilora.records.run import Run
from verilora.records.target import Target
from verilora.records.trust import Trust
from verilora.records.verdict import VerdictDocument
from verilora.verdict.gates import rules

Refuse = Callable[[list[str], str], None]
ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"```.*?^ *```|`[^`\n]+`", re.M | re.S)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
SEALED = {
    *("payload", "payloadType", "signatures", "keyid", "sig", "_type", "subject", "name", "digest"),
    *("predicateType", "predicate"),
}
SHARED = {"--help", "--json", "--quiet", "--debug"}


def read(name: str) -> str:
    path = ROOT / name
    if not path.is_file():
        pytest.fail(f"write {name}", pytrace=False)
    return path.read_text("utf-8")


def section(text: str, title: str) -> str | None:
    """From the heading that holds the words of `title` to the next heading that is no lower."""
    heading = re.search(rf"^(#+)[^\n]*(?<![\w.-]){re.escape(title)}(?![\w-])[^\n]*$", text, re.M)
    if heading is None:
        return None
    rest = text[heading.end() :]
    end = re.search(rf"^#{{1,{len(heading[1])}}} ", CODE.sub(_blank, rest), re.M)
    return heading[0] + rest[: end.start() if end else None]


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def code_of(text: str) -> str:
    """What stands in code spans and blocks."""
    return "\n".join(CODE.findall(text))


def names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def commands() -> Iterator[tuple[str, Any]]:
    """("train", its click command), ("recipes list", ...), every command that can be run."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(path), command
        for name, one in (inner or {}).items():
            yield from walk(one, (*path, name))

    from verilora.cli.main import app

    yield from walk(typer.main.get_command(app), ())


def flags_of(command: Any) -> set[str]:
    """Long flags of a command; of a pair such as --color/--no-color both."""
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    spelt = {flag for p in options for flag in (*p.opts, *p.secondary_opts)}
    return {flag for flag in spelt if flag.startswith("--")}


def arguments_of(command: Any) -> set[str]:
    kept = (p for p in command.params if p.param_type_name == "argument")
    return {(p.metavar or p.name).upper().strip("[].") for p in kept}


def keys_of(kind: Any) -> set[str]:
    """Names of the fields of a record and of the records in it."""
    found: set[str] = set()
    for name, field in kind.model_fields.items():
        found |= {name} | _keys_within(field.annotation)
    return found


def _keys_within(annotation: Any) -> set[str]:
    if annotation is LoraConfig:
        return {item.name for item in dataclasses.fields(LoraConfig)}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return keys_of(annotation)
    return set().union(*map(_keys_within, get_args(annotation)))


def keys_in(value: Any) -> set[str]:
    """Keys of JSON data that are words (names of tensors and files have dots)."""
    if isinstance(value, list):
        return set().union(*map(keys_in, value))
    if not isinstance(value, dict):
        return set()
    own = {key for key in value if re.fullmatch(r"[a-z_]+", key)}
    return own.union(*map(keys_in, value.values()))


def keys_of_the_adapter(directory: Path) -> set[str]:
    from verilora.lora.formats import save_adapter

    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    attach(model, LoraConfig(rank=2, target_modules=["0"], modules_to_save=["1"]))
    save_adapter(model, directory)
    told = json.loads((directory / "verilora.json").read_text("utf-8"))
    return keys_in(told) - {item.name for item in dataclasses.fields(LoraConfig)}


def test_every_command_and_flag_is_documented(refuse: Refuse) -> None:
    text, found = read("docs/commands.md"), []
    for name, command in commands():
        own = section(text, f"verilora {name}")
        if own is None:
            found.append(f"docs/commands.md: `verilora {name}` has no heading")
            continue
        for word in sorted(flags_of(command) - SHARED | arguments_of(command)):
            if not names(code_of(own), word):
                found.append(f"docs/commands.md: `verilora {name}` does not tell of {word}")
    found += [f"docs/commands.md: {flag}" for flag in SHARED if not names(code_of(text), flag)]
    refuse(found, "commands and flags that are not told:")


def test_every_command_has_an_example_in_its_help(refuse: Refuse) -> None:
    found = [
        f"verilora {name} --help shows no line that begins with `verilora {name}`"
        for name, command in commands()
        if not re.search(rf"^\s*(\$ )?verilora {name}", command.help or "", re.M)
    ]
    refuse(found, "help without an example:")


def test_no_command_or_flag_is_invented(refuse: Refuse) -> None:
    there = dict(commands())
    found = []
    for path in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]:
        for code in CODE.findall(path.read_text("utf-8").replace("\\\n", " ")):
            for line in re.findall(r"^(?:`+|\$ )?(verilora [a-z][^\n`#]*)", code, re.M):
                found += [f"{path.name}: {line.strip()}: {why}" for why in _invented(line, there)]
    refuse(found, "lines that would not run:")


def _invented(line: str, there: dict[str, Any]) -> Iterator[str]:
    words = shlex.split(re.sub(r"[\[\]|…]", " ", line))[1:]
    name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in there), None)
    if name is None:
        groups = {one.split()[0] for one in there}
        if words[0] not in groups:
            yield f"there is no command '{words[0]}'"
        return
    unknown = {w for word in words for w in FLAG.findall(word)} - flags_of(there[name]) - SHARED
    yield from (f"`verilora {name}` has no {flag}" for flag in sorted(unknown))


def test_every_error_is_documented_and_none_is_invented(refuse: Refuse) -> None:
    text = code_of(read("docs/errors.md"))
    there = {n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, Exception)}
    told = set(re.findall(r"\b[A-Z]\w+(?:Error|Mismatch)\b", text))
    missing = [f"docs/errors.md: {name} is missing" for name in sorted(there - told)]
    invented = sorted(told - there - set(dir(builtins)))
    refuse(missing + [f"docs/errors.md: {n} does not exist" for n in invented], "errors:")


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("run.json", keys_of(Run)),
        ("recipe.toml", keys_of(Recipe)),
        ("target.json", keys_of(Target) - keys_of(Recipe)),
        (
            "events.jsonl",
            {"event"}.union(
                *({item.name for item in dataclasses.fields(e)} for e in Event.__subclasses__()),
                {e.kind for e in Event.__subclasses__()},
            ),
        ),
        ("verilora.json", None),
        ("verdict.json", keys_of(VerdictDocument)),
        ("failed.json", keys_of(Failure)),
        ("anchors.json", keys_of(AnchorReport)),
        ("claim.json", keys_of(Claim)),
        ("draft", keys_of(Draft)),
        ("claim.dsse.json", SEALED | keys_of(AdapterFacts)),
        ("trust.dsse.json", keys_of(Trust)),
    ],
)
def test_every_key_is_documented(
    title: str, keys: set[str] | None, tmp_path: Path, refuse: Refuse
) -> None:
    wanted = keys_of_the_adapter(tmp_path / "adapter") if keys is None else keys
    own = section(read("docs/files.md"), title)
    if own is None:
        pytest.fail(f"docs/files.md: give {title} a heading and tell of its keys", pytrace=False)
    missing = sorted(key for key in wanted if not names(code_of(own), key))
    refuse([f"docs/files.md: `{title}`: {key}" for key in missing], "keys that are not told:")


def test_every_rule_of_verdicts_is_told_as_it_is_in_code() -> None:
    told = dict(re.findall(r"^\| (EV-\d{3}) \| (.+?) \|$", read("docs/verdicts.md"), re.M))
    assert told == {number: rule.rstrip(".") for number, rule in rules().items()}


def test_the_rules_find_what_they_forbid() -> None:
    page = (
        "# A\n## `verilora train`\n`--out`\n### more\n```\n# no heading\n--seed\n```\n## B\n`--x`"
    )
    own = section(page, "verilora train")
    assert own is not None
    assert FLAG.findall(code_of(own)) == ["--out", "--seed"]
    assert section(page, "verilora tra") is None
    assert names("`--out-dir`", "--out") is False
    assert {"format", "step", "value", "peak_bytes"} <= keys_of(Run)
    assert {"rank", "learning_rate", "id", "validation_limit"} <= keys_of(Recipe)
    assert keys_in({"a": [{"b": 1}], "c.d": {"e": 2}}) == {"a", "b", "e"}
    invented = list(_invented("verilora fly --high", dict(commands())))
    assert invented == ["there is no command 'fly'"]
