"""Limits: a file, a function, a line that one can take in at a glance.

What must break a limit says why, in `# limit: reason` on the line of its `def` (of a file: in the
first ten lines). A parameter that comes past the second is keyword-only, so that no call has to
be looked up. Two kinds of function have their signature from elsewhere: Python's own `__names__`,
and the commands in `cli`, whose parameters are the flags that a user types by name and that typer
reads from the signature; they are free of the limit on parameters, not of the others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

Source = Any
Refuse = Callable[[list[str], str], None]
Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)

FILE, LINE, LONGEST, SHORT, SHARE, NESTING, POSITIONAL, PARAMETERS = 300, 100, 40, 25, 0.9, 3, 2, 6
VAGUE = "utils?|helpers?|common|misc|base|manager|handler"
FORBIDDEN = re.compile(rf"^({VAGUE}|process)$|_({VAGUE})$|^(do|process|handle)_")
EXCUSE = re.compile(r"# limit: \S+ \S+")
EXCUSES = 6


def functions(source: Source) -> Iterator[Function]:
    yield from (node for node in ast.walk(source.tree) if isinstance(node, FUNCTION))


def length(function: Function) -> int:
    """Lines from `def` to the last, the docstring left out."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def nesting(statements: list[ast.stmt], level: int = 0) -> int:
    """How deep blocks stand in each other; `elif` is no deeper than its `if`."""
    deepest = level
    for statement in statements:
        if isinstance(statement, BLOCKS):
            inner = (nesting(body, level + 1) for body in _bodies(statement))
            deepest = max(deepest, *inner)
    return deepest


def _bodies(block: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "finalbody"):
        yield getattr(block, name, [])
    for part in (*getattr(block, "handlers", []), *getattr(block, "cases", [])):
        yield part.body
    tail = getattr(block, "orelse", [])
    if isinstance(block, ast.If) and len(tail) == 1 and isinstance(tail[0], ast.If):
        yield from _bodies(tail[0])
    else:
        yield tail


def crowded(function: Function) -> str | None:
    given = [*function.args.posonlyargs, *function.args.args]
    own = given[1:] if given and given[0].arg in ("self", "cls") else given
    total = len(own) + len(function.args.kwonlyargs)
    if total > PARAMETERS:
        return f"{total} parameters, {PARAMETERS} at most: gather what belongs together in a record"
    if len(own) > POSITIONAL:
        return f"parameter '{own[POSITIONAL].arg}' is the third: put `*,` before it (keyword-only)"
    return None


def is_signature_from_elsewhere(function: Function, source: Source) -> bool:
    dunder = function.name.startswith("__") and function.name != "__init__"
    return dunder or (source.room == "cli" and function.name in commands(source))


def commands(source: Source) -> set[str]:
    """Names of the functions that a file registers: `command(app, "name", ...)(function)`."""
    return {
        call.args[0].id
        for call in ast.walk(source.tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Call)
        and getattr(call.func.func, "id", "") == "command"
        and call.args
        and isinstance(call.args[0], ast.Name)
    }


def too_much(source: Source) -> Iterator[tuple[int, str]]:
    """(line, what is too much) of each function, whether it is excused or not."""
    for function in functions(source):
        lines, depth = length(function), nesting(function.body)
        if lines > LONGEST:
            yield function.lineno, f"{function.name} has {lines} lines, {LONGEST} at most: split it"
        if depth > NESTING:
            yield (
                function.lineno,
                f"{function.name} nests {depth} deep, {NESTING} at most: leave early or split",
            )
        crowd = crowded(function)
        free = source.path.startswith("tests/") or is_signature_from_elsewhere(function, source)
        if crowd and not free:
            yield function.lineno, f"{function.name}: {crowd}"


def excused(source: Source, line: int) -> bool:
    return bool(EXCUSE.search(source.lines[line - 1]))


def test_files(every: list[Source], refuse: Refuse) -> None:
    found = [
        f"{source.path}:{FILE + 1}: {len(source.lines)} lines: split it by what its parts are for"
        for source in every
        if len(source.lines) > FILE and not EXCUSE.search("\n".join(source.lines[:10]))
    ]
    refuse(found, f"a file has at most {FILE} lines")


def test_lines(every: list[Source], refuse: Refuse) -> None:
    found = [
        f"{source.path}:{number}: {len(line)} characters"
        for source in every
        for number, line in enumerate(source.lines, 1)
        if len(line) > LINE and not EXCUSE.search(line)
    ]
    refuse(found, f"a line has at most {LINE} characters")


def test_functions(every: list[Source], refuse: Refuse) -> None:
    found = [
        f"{source.path}:{line}: {what}"
        for source in every
        for line, what in too_much(source)
        if not excused(source, line)
    ]
    refuse(found, "a function is short, flat, and called with names")


def test_nine_of_ten_functions_are_short(src: list[Source]) -> None:
    lengths = [
        (length(f), f"{source.path}:{f.lineno}") for source in src for f in functions(source)
    ]
    long = sorted((pair for pair in lengths if pair[0] > SHORT), reverse=True)
    share = 1 - len(long) / max(1, len(lengths))
    listed = "\n".join(f"{where}: {lines} lines" for lines, where in long)
    assert share >= SHARE, f"{share:.1%} have at most {SHORT} lines, {SHARE:.0%} wanted:\n{listed}"


def test_names_of_files_say_what_they_hold(every: list[Source], refuse: Refuse) -> None:
    found = [
        f"{source.path}:1: name it by the noun or verb that it holds"
        for source in every
        if any(map(FORBIDDEN.search, source.path.removesuffix(".py").split("/")))
    ]
    refuse(found, "no file is called utils, helpers, common, misc, base, manager, handler, process")


def test_names_of_functions_and_classes(src: list[Source], refuse: Refuse) -> None:
    found = [
        f"{source.path}:{node.lineno}: {node.name}: say what it does or is"
        for source in src
        for node in ast.walk(source.tree)
        if isinstance(node, (*FUNCTION, ast.ClassDef))
        and re.search(r"^_?(do|process|handle)_|(Manager|Handler|Helper|Utils?)$", node.name)
    ]
    refuse(found, "no do_…, process_…, …Manager, …Handler, …Helper")


def test_an_excuse_is_needed_and_rare(every: list[Source]) -> None:
    given, needed = set(), set()
    for source in every:
        given |= {(source.path, f.lineno) for f in functions(source) if excused(source, f.lineno)}
        needed |= {(source.path, line) for line, _ in too_much(source)}
    stale = [
        f"{path}:{line}: no limit is broken: drop the comment" for path, line in given - needed
    ]
    assert not stale, "\n".join(sorted(stale))
    listed = "\n".join(f"{path}:{line}" for path, line in sorted(given))
    assert len(given) <= EXCUSES, f"{len(given)} exceptions, {EXCUSES} at most:\n{listed}"


def test_the_rules_find_what_they_forbid(make_source: Callable[[str, str], Source]) -> None:
    def found(text: str, path: str = "src/verilora/lora/a.py") -> list[str]:
        return [what for _, what in too_much(make_source(path, text))]

    body = "    x = 1\n"
    assert found("def f():\n" + body * 39) == []
    assert "41 lines" in found("def f():\n" + body * 40)[0]
    assert found('def f():\n    """' + "\n" * 9 + '    """\n' + body * 39) == []
    chain = "def f(x):\n if x:\n  pass\n elif x:\n  pass\n elif x:\n  pass\n else:\n  pass\n"
    assert found(chain + "  for y in x:\n   with y:\n    pass\n") == []
    assert "4 deep" in found(chain + "  for y in x:\n   with y:\n    while y:\n     pass\n")[0]
    assert found("def f(a, b, *, c, d, e, f): pass") == []
    assert "7 parameters" in found("def f(a, b, *, c, d, e, f, g): pass")[0]
    assert "'c' is the third" in found("def f(a, b, c): pass")[0]
    assert found("class A:\n def f(self, a, b): pass\n def __exit__(self, a, b, c): pass") == []
    command = "def train(a, b, c, d, e, f, g): pass\ncommand(app, 'train')(train)"
    assert found(command, "src/verilora/cli/a.py") == []
    assert found(command) != []
    assert FORBIDDEN.search("test_utils")
    assert not any(map(FORBIDDEN.search, ["baseline", "base_digests", "processes", "document"]))
