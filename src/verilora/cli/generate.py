"""`generate`: texts by many adapters over one base, each line of a file by its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.adapters import BASE_HELP
from verilora.cli.command import command
from verilora.cli.counting import counted
from verilora.cli.terminal import Terminal
from verilora.errors import ConfigError, ModelError, OutputError

Adapters = Annotated[
    str,
    typer.Option(
        "--adapters",
        metavar="a=DIR,b=DIR",
        show_default=False,
        help="Names and directories of adapters, or of runs.",
    ),
]
Input = Annotated[
    Path,
    typer.Option(
        "--input",
        metavar="FILE.jsonl",
        show_default=False,
        help='Lines of {"prompt": text, "adapter": name}, or with "messages"; null for the base.',
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE.jsonl", help="A new file; else stdout.")
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="MODEL", help=f"{BASE_HELP} By default what they name."),
]
MaxNewTokens = Annotated[
    int, typer.Option("--max-new-tokens", metavar="N", help="At most so many.")
]
Beams = Annotated[int, typer.Option("--beams", metavar="N", help="1 writes greedily.")]
BatchSize = Annotated[int, typer.Option("--batch-size", metavar="N", help="Prompts at once.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    command(
        app,
        "generate",
        examples="""
        verilora generate --adapters fr=runs/fr,de=runs/de --input prompts.jsonl
        verilora generate --adapters a=adapter/ --model gpt2 --input in.jsonl --out out.jsonl
        """,
    )(generate)


def generate(
    terminal: Terminal,
    *,
    adapters: Adapters,
    input: Input,
    out: Out = None,
    model: Model = None,
    max_new_tokens: MaxNewTokens = 64,
    beams: Beams = 1,
    batch_size: BatchSize = 16,
) -> None:
    """Write on from prompts, each by the adapter that its line names.

    All adapters stay over one base, and a batch may hold prompts of several. The same lines come
    out in the order of the file, each with "text" added: always the same, greedily or by beams. A
    file is written whole or not at all; --json tells what was done.
    """
    from verilora.atomic import write_whole
    from verilora.cli.contents import read_contents
    from verilora.serve.generate import Writing
    from verilora.serve.requests import read_requests

    writing = Writing(max_new_tokens, beams, batch_size)
    places = _named(adapters)
    if out is not None and out.exists():
        raise OutputError(f"{out} is there already; choose another file", path=out)
    contents = {name: read_contents(place) for name, place in places.items()}
    requests = read_requests(input, places)
    base = model or _base_of(contents)
    terminal.note(f"loading {base} ...")
    texts = _texts(
        terminal, base, contents=contents, requests=requests, writing=writing, path=input
    )
    lines = [
        json.dumps({**one.given, "text": text}, ensure_ascii=False)
        for one, text in zip(requests, texts, strict=True)
    ]
    content = "\n".join(lines)
    if out is not None:
        write_whole(out, f"{content}\n".encode())
    told = content if out is None else f"{len(texts)} texts  {out}"
    answers = [json.loads(line) for line in lines] if out is None else None
    where = None if out is None else str(out)
    mapping = {"base": base, "requests": len(texts), "out": where, "answers": answers}
    terminal.tell(told, mapping=mapping)


def _texts(
    terminal: Terminal,
    base: str,
    *,
    contents: Mapping[str, Any],
    requests: Sequence[Any],
    writing: Any,
    path: Path,
) -> list[str]:
    from verilora.cli.bases import load_base, located
    from verilora.serve import AdapterBank
    from verilora.serve.generate import write_on
    from verilora.serve.requests import encode_requests

    first = next(iter(contents.values()))
    located(base, option="--model")
    loaded, tokenizer = load_base(base, first)
    _refuse_silent(base, loaded, tokenizer=tokenizer)
    ids = encode_requests(requests, tokenizer, path=path)
    rank = max(layer.rank for one in contents.values() for layer in one.layers)
    bank = AdapterBank(loaded, capacity=len(contents), rank=rank)
    for name, one in contents.items():
        bank.load(name, one.directory)
    prompts = [(own, one.adapter) for own, one in zip(ids, requests, strict=True)]
    with counted(terminal, "writing", total=len(prompts), fewest=2) as listen:
        return write_on(bank, tokenizer, prompts=prompts, writing=writing, listen=listen)


def _named(given: str) -> dict[str, Path]:
    """{"a": DIR, ...} of "a=DIR,b=DIR". Raises ConfigError with every fault."""
    found: dict[str, Path] = {}
    faults = []
    for part in given.split(","):
        name, equals, place = (piece.strip() for piece in part.partition("="))
        if not (name and equals and place):
            faults.append(f"--adapters has '{part}'; NAME=DIR is wanted, several with commas")
        elif name in found:
            faults.append(f"--adapters names '{name}' twice")
        else:
            found[name] = Path(place)
    if faults:
        raise ConfigError("generate", faults)
    return found


def _base_of(contents: Mapping[str, Any]) -> str:
    """The base that all adapters name. Raises ConfigError if they name several, or one none."""
    from verilora.lora.formats.documents import parse_document, read_file
    from verilora.lora.formats.peft.names import CONFIG
    from verilora.lora.formats.peft.stated import LARGEST

    named = {}
    for name, one in contents.items():
        stated = parse_document(read_file(Path(one.directory) / CONFIG, limit=LARGEST))
        named[name] = one.base.get("name") or stated.get("base_model_name_or_path")
    if all(named.values()) and len(set(named.values())) == 1:
        return str(next(iter(named.values())))
    told = ", ".join(f"{name}: {base or 'no base'}" for name, base in named.items())
    raise ConfigError(
        "generate", [f"the adapters do not name one base ({told}); say it with --model"]
    )


def _refuse_silent(base: str, model: Any, *, tokenizer: Any) -> None:
    kind = type(model).__name__
    if not getattr(model, "can_generate", lambda: False)():
        raise ModelError(f"{kind} of '{base}' writes no text; a language model is wanted", id=base)
    if getattr(model.config, "is_encoder_decoder", False):
        raise ModelError(
            f"{kind} of '{base}' reads and writes apart; generate is for causal models, and "
            "AdapterBank in Python takes this one too",
            id=base,
        )
    if tokenizer is None:
        raise ModelError(f"'{base}' has no tokenizer beside it; put its files there", id=base)
