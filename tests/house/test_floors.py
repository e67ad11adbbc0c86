"""The stair: imports go down only, rooms on one floor do not know each other, wings never touch.

The floors are those of ARCHITECTURE.md. `report` stands on the landing between 3 and 4: its page
is made of the pictures of `charts`, and `train`, which leaves picture and page in every run
directory, calls both. Charts and report are common ground, as recipes are: they see records alone.
"""

from __future__ import annotations

import ast
import graphlib
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Source = Any
Refuse = Callable[[list[str], str], None]

FLOORS = {
    "errors": 0,
    **dict.fromkeys(["atomic", "kernels", "scores"], 1),
    "records": 2,
    "report": 3.5,
    **dict.fromkeys(["lora", "data", "recipes", "charts", "verdict", "paper_text"], 3),
    **dict.fromkeys(["train", "serve", "claims"], 4),
    **dict.fromkeys(["reproduce", "anchors", "handover", "registry"], 5),
    "web": 6,
    "cli": 7,
    "__main__": 8,
}
FROM_ANYWHERE = {"errors", "records"}
WORKSHOP = {"kernels", "lora", "data", "train", "anchors", "serve", "handover"}
ARCHIVE = {"verdict", "claims", "registry", "web"}
CORRIDOR = {"cli", "reproduce", "__main__"}
HEAVY = {"torch", "transformers", "peft", "accelerate", "datasets"}
EXTRA = "bitsandbytes"
"""Of lora, for a quantised base: loaded where one is met, in one file, which says what to do."""
LEAN = {"torch", "safetensors", *sys.stdlib_module_names}


def imports(source: Source, modules: set[str]) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of each import; `from verilora.lora import merge` names the module."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = "." * node.level + (node.module or "")
            full = [f"{home}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name if name in modules else home) for name in full)


def room_of(module: str) -> str:
    return [*module.split("."), ""][1]


def edges(sources: list[Source]) -> Iterator[tuple[Source, int, str]]:
    modules = {source.module for source in sources}
    for source in sources:
        for line, name in imports(source, modules):
            yield source, line, name


def climbs(sources: list[Source]) -> list[str]:
    found = []
    for source, line, name in edges(sources):
        mine, other = source.room, room_of(name)
        where = f"{source.path}:{line}: {mine or 'the face'} imports"
        if name.startswith("."):
            found.append(f"{where} '{name}': write the full name, from verilora.…")
        elif name == "verilora" and mine != "cli" and not _version_only(source, line):
            found.append(
                f"{where} the face: import the room that holds the name (of the face itself, "
                "`from verilora import __version__` alone)"
            )
        elif name.split(".")[0] != "verilora" or other in (mine, "") or not mine:
            continue
        elif other not in FLOORS or mine not in FLOORS:
            found.append(f"{where} {other}: give both a floor in {Path(__file__).name}")
        elif {mine, other} & WORKSHOP and {mine, other} & ARCHIVE:
            found.append(
                f"{where} {other}: the wings meet in records alone; let the door call both"
            )
        elif other not in FROM_ANYWHERE and FLOORS[other] >= FLOORS[mine]:
            found.append(
                f"{where} {other}, floor {FLOORS[mine]} -> {FLOORS[other]}: import from lower "
                "floors only; move what both need down, or let a higher floor call both"
            )
    return found


def _version_only(source: Source, line: int) -> bool:
    found = [n for n in ast.walk(source.tree) if isinstance(n, ast.ImportFrom) and n.lineno == line]
    return bool(found) and {alias.name for alias in found[0].names} == {"__version__"}


def cycle(sources: list[Source]) -> list[str]:
    graph: dict[str, set[str]] = {source.module: set() for source in sources}
    for source, _, name in edges(sources):
        if name in graph and name != "verilora":
            graph[source.module].add(name)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"{' <- '.join(error.args[1])}: break the cycle; move what both need to one file"]
    return []


def escapes(sources: list[Source], extras: set[str]) -> list[str]:
    found = []
    for source in sources:
        for node in ast.walk(source.tree):
            where = f"{source.path}:{getattr(node, 'lineno', 0)}:"
            if isinstance(node, ast.Name | ast.alias) and _name(node) == "TYPE_CHECKING":
                found.append(f"{where} TYPE_CHECKING hides a climb: mend the stair instead")
            if _name(node) in ("import_module", "__import__") and source.room:
                found.append(f"{where} an import by name escapes the stair: write `import`")
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and source.room != "cli":
                found += [
                    f"{source.path}:{line}: {why}" for line, why in _local(node, source, extras)
                ]
    return sorted(set(found))


def _name(node: ast.AST) -> str:
    return str(getattr(node, "id", getattr(node, "attr", getattr(node, "name", ""))))


def _local(function: ast.AST, source: Source, extras: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(function):
        if isinstance(node, ast.Import | ast.ImportFrom):
            extra = source.lines[node.lineno - 1].partition("# extra: ")[2].strip()
            if extra not in extras:
                yield (
                    node.lineno,
                    "an import inside a function: move it to the top of the file, or for an extra "
                    f"of pyproject.toml ({', '.join(sorted(extras))}) say `# extra: NAME`",
                )


def needs(sources: list[Source], rooms: set[str], allowed: Callable[[str], bool]) -> list[str]:
    """What the rooms and all that they import need from outside, where `allowed` says no."""
    named = {source.module: source for source in sources}
    reached = {source.module for source in sources if source.room in rooms}
    todo, found = list(reached), []
    while todo:
        source = named[todo.pop()]
        for line, name in imports(source, set(named)):
            outside = name.split(".")[0]
            if name in named and name not in reached and name != "verilora":
                reached.add(name)
                todo.append(name)
            if outside != "verilora" and not allowed(outside):
                found.append(f"{source.path}:{line}: imports {outside}")
    return sorted(found)


def test_imports_go_down(src: list[Source], refuse: Refuse) -> None:
    refuse(climbs(src), "the stair (ARCHITECTURE.md) is climbed:")


def test_no_cycles(src: list[Source], refuse: Refuse) -> None:
    refuse(cycle(src), "modules import each other in a circle:")


def test_no_escapes(src: list[Source], root: Path, refuse: Refuse) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    refuse(escapes(src, set(project["optional-dependencies"])), "imports that hide:")


def test_kernels_and_lora_need_torch_alone(src: list[Source], refuse: Refuse) -> None:
    found = needs(src, {"kernels", "lora"}, (LEAN | {EXTRA}).__contains__)
    refuse(found, "kernels and lora need torch, safetensors and the standard library alone:")
    asked = {source.module for source in src for _, name in imports(source, set()) if name == EXTRA}
    assert asked == {"verilora.lora.quantised.library"}


def test_only_the_workshop_knows_torch(src: list[Source], refuse: Refuse) -> None:
    others = set(FLOORS) - WORKSHOP - CORRIDOR
    found = needs(src, others, lambda name: name not in HEAVY)
    refuse(found, "the archive and what is common never import torch, nor what brings it:")


def test_the_rules_find_what_they_forbid(make_source: Callable[[str, str], Source]) -> None:
    def tree(room: str, text: str) -> list[Source]:
        other = make_source("src/verilora/train/run.py", "import torch\n")
        return [other, make_source(f"src/verilora/{room}/a.py", text)]

    assert "floor 3 -> 4" in climbs(tree("lora", "from verilora.train.run import run"))[0]
    assert "wings" in climbs(tree("claims", "import verilora.train.run"))[0]
    assert "full name" in climbs(tree("lora", "from ..records import run"))[0]
    assert "the face" in climbs(tree("lora", "from verilora import attach"))[0]
    assert "give both a floor" in climbs(tree("attic", "import verilora.train.run"))[0]
    assert climbs(tree("cli", "import verilora.train.run\nfrom verilora import __version__")) == []
    assert cycle(tree("train", "import verilora.train.run")) == []
    assert cycle(tree("train", "import verilora.train.a"))
    hidden = "def f():\n    import torch{}\n"
    assert escapes(tree("lora", hidden.format("")), {"gpu"})
    assert escapes(tree("lora", hidden.format("  # extra: cpu")), {"gpu"})
    assert escapes(tree("lora", hidden.format("  # extra: gpu")), {"gpu"}) == []
    assert escapes(tree("cli", hidden.format("")), set()) == []
    assert escapes(tree("lora", "from typing import TYPE_CHECKING"), set())
    assert escapes(tree("lora", "import importlib\nimportlib.import_module('torch')"), set())
    heavy = needs(tree("report", "import verilora.train.run"), {"report"}, lambda n: n != "torch")
    assert heavy == ["src/verilora/train/run.py:1: imports torch"]
