"""The demo's task, from this machine's own Python: does this description belong to this function?

The functions of the standard library and the first lines of their docstrings, read as text: no
module is imported or run. The examples are the same bytes for the same library, wherever it lies
and whatever the hash seed.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
import sysconfig
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verilora.data.dataset import Example, Splits
from verilora.errors import DataError

LEFT_OUT = frozenset(
    {
        "dist-packages",
        "distutils",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "site-packages",
        "test",
        "tests",
        "tkinter",
        "turtledemo",
        "venv",
    }
)
"""Folders that some distributions of Python leave out, and those that are no library."""

VALIDATION_SHARE = 1 / 7
"""At most so much of the functions is for validation."""

LARGEST_FAMILY = 1 / 5
"""At most so much of the validation set is of one family of modules."""

Part = tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A function as a reader of a pair sees it, and its own description."""

    module: str
    name: str
    """With the classes and functions around it: "TarFile.getmember"."""
    text: str
    description: str

    @property
    def id(self) -> str:
        """Where it stands: "tarfile:TarInfo.isfile"."""
        return f"{self.module}:{self.name}"


def build_pairs(root: Path | None = None) -> Splits:
    """Pairs of function and description, label 1 where they belong together.

    Every function and every description is used once, so that neither alone tells anything; half
    of the functions have another one's description, from their own module where it has another.
    Families of modules (`io` and `_pyio`) are wholly in training or wholly in validation.
    `root` is a tree of Python files; by default this Python's standard library.
    Raises DataError if it holds too few functions.
    """
    dropped: Counter[str] = Counter()
    functions = _distinct(_qualified(list(_functions(root, dropped))), dropped)
    held_out = _held_out(functions)
    validation = [one for one in functions if _family(one.module) in held_out]
    train = [one for one in functions if _family(one.module) not in held_out]
    if min(len(train), len(validation)) < 2:
        raise DataError(
            f"{root or _library()} holds {len(functions)} functions with a description, too few "
            "for two sets of pairs; a Python with the sources of its standard library is wanted",
            file=str(root or _library()),
            line=None,
        )
    return Splits(_pair_up(train), _pair_up(validation), dict(sorted(dropped.items())))


def _held_out(functions: Sequence[Function]) -> set[str]:
    """Families for validation: in an order that looks like chance, each that still fits in."""
    sizes = Counter(_family(function.module) for function in functions)
    room = int(len(functions) * VALIDATION_SHARE)
    largest = room * LARGEST_FAMILY
    chosen = set()
    for family in sorted(sizes, key=lambda name: _number("split", name)):
        if sizes[family] <= min(room, largest):
            chosen.add(family)
            room -= sizes[family]
    return chosen


def _pair_up(functions: Sequence[Function]) -> list[Example]:
    by_module: dict[str, list[Function]] = defaultdict(list)
    for function in functions:
        by_module[function.module].append(function)
    alone = [found[0] for found in by_module.values() if len(found) == 1]
    examples = _pair_group(alone)
    for found in by_module.values():
        if len(found) > 1:
            examples += _pair_group(found)
    # Mixed, so that the first rows are a fair sample too.
    return sorted(examples, key=lambda example: _number("place", example.id))


def _pair_group(functions: Sequence[Function]) -> list[Example]:
    """About half of them with the description of the next in that half, the rest with theirs."""
    ordered = sorted(functions, key=lambda function: _number("half", function.id))
    half = _half(ordered)
    swapped, kept = ordered[:half], ordered[half:]
    given = [*swapped[1:], *swapped[:1]]
    return [
        Example(one.id, (one.text, other.description), 0)
        for one, other in zip(swapped, given, strict=True)
    ] + [Example(one.id, (one.text, one.description), 1) for one in kept]


def _half(ordered: Sequence[Function]) -> int:
    """How many swap their descriptions. Never one, which would have nothing to swap with."""
    if len(ordered) < 2:
        return 0
    chance = _number("odd", ordered[0].id) % 2
    if len(ordered) == 2:
        return 2 * chance
    return max(2, (len(ordered) + chance) // 2)


def _qualified(functions: Sequence[Function]) -> Iterator[Function]:
    """The functions, those that look alike within a module with their classes before them."""
    alike = Counter((function.module, function.text.lower()) for function in functions)
    for function in functions:
        if alike[function.module, function.text.lower()] > 1:
            outer = "".join(f"{_words(part)}." for part in function.name.split(".")[:-1])
            yield replace(function, text=f"{outer}{function.text}")
        else:
            yield function


def _distinct(functions: Iterable[Function], dropped: Counter[str]) -> list[Function]:
    """The first function of each place, of each text within its module, and of each description."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for function in functions:
        marks = {
            "place": (function.id,),
            "name and parameters": (function.module, function.text.lower()),
            "description": (function.description.lower(),),
        }
        twice = next((name for name, mark in marks.items() if (name, *mark) in seen), None)
        if twice is not None:
            dropped[f"another function has the same {twice}"] += 1
            continue
        seen.update((name, *mark) for name, mark in marks.items())
        kept.append(function)
    return kept


def _functions(root: Path | None, dropped: Counter[str]) -> Iterator[Function]:
    for module, path in _modules(root):
        try:
            with warnings.catch_warnings():
                # Escapes that the parser finds odd in the library's strings are its makers' matter.
                warnings.simplefilter("ignore")
                tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            dropped["the file cannot be read as Python"] += 1
            continue
        for parts, node in _definitions(tree, ()):
            docstring = ast.get_docstring(node)
            if docstring is None:
                continue
            description = _first_line(docstring)
            reason = _unfit(description, parts[-1])
            if reason is not None:
                dropped[reason] += 1
                continue
            yield Function(module, ".".join(parts), _render(node), description)


def _modules(root: Path | None) -> list[tuple[str, Path]]:
    """(dotted name, file) of the library's modules, in the order of their names."""
    top, known = (root, None) if root else (_library(), sys.stdlib_module_names)
    found = []
    for folder, inner, files in os.walk(top):
        # Pruned on the way down: installed packages under the library can be many thousand files.
        inner[:] = [name for name in inner if name not in LEFT_OUT]
        for path in (Path(folder, name) for name in files if name.endswith(".py")):
            parts = path.relative_to(top).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            if parts and (known is None or parts[0] in known):
                found.append((".".join(parts), path))
    return sorted(found)


def _library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _definitions(
    node: ast.AST, outer: Part
) -> Iterator[tuple[Part, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function under `node`, with the names of the classes and functions around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _definitions(child, (*outer, child.name))
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            parts = (*outer, child.name)
            yield parts, child
            yield from _definitions(child, parts)
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _definitions(child, outer)


def _first_line(docstring: str) -> str:
    lines = docstring.strip().splitlines()
    return " ".join(lines[0].split()) if lines else ""


def _unfit(description: str, name: str) -> str | None:
    """Why a first line describes nothing, or tells which function it is of by its form."""
    if description.startswith(">>>") or len(re.findall(r"[A-Za-z]+", description)) < 2:
        return "the description has fewer than two words"
    first = re.match(r"\W*([\w.]+)", description)
    if first is not None and name in first[1].split("."):
        return "the description begins with the function's name"
    return None


def _render(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Name and parameters as words: "get info(name, arcname, fileobj)"."""
    return f"{_words(node.name)}({', '.join(map(_words, _parameters(node.args)))})"


def _parameters(arguments: ast.arguments) -> list[str]:
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args)]
    if names[:1] in (["self"], ["cls"], ["mcs"], ["metacls"]):
        del names[0]
    if arguments.vararg:
        names.append(f"*{arguments.vararg.arg}")
    names += [item.arg for item in arguments.kwonlyargs]
    if arguments.kwarg:
        names.append(f"**{arguments.kwarg.arg}")
    return names


def _words(name: str) -> str:
    """A name taken apart where its writer put it together: snake_case and CamelCase."""
    return " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name).split())


def _family(module: str) -> str:
    """The name that a module shares with its twins: `_pydatetime` and `datetime` are one family."""
    return re.sub(r"^_(py)?_?", "", module.partition(".")[0])


def _number(*what: str) -> int:
    """A number that looks like chance and depends on the words alone."""
    return int.from_bytes(hashlib.sha256("\0".join(what).encode()).digest()[:8])
