"""The tests mirror the source: src/verilora/lora/merge.py is tested by tests/lora/test_merge.py.

A test file that would grow past a page may be several, test_merge.py and test_merge_<aspect>.py.
Files without code (an empty `__init__`, `__main__`) need none; house tests and those of the
examples, of the benchmarks and of the site in a browser mirror no single file.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

Source = Any
Refuse = Callable[[list[str], str], None]
OF_THE_WHOLE = {"house", "examples", "benchmarks", "browser"}


def place_of(source: Source) -> PurePosixPath:
    """Where the tests of a file belong: tests/lora/test_merge.py."""
    path = PurePosixPath(source.path).relative_to("src/verilora")
    return PurePosixPath("tests") / path.parent / f"test_{path.name}"


def has_code(source: Source) -> bool:
    own = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    name = PurePosixPath(source.path).name
    return name not in ("__init__.py", "__main__.py") and any(
        isinstance(node, own) for node in source.tree.body
    )


def untested(src: list[Source], tests: list[Source]) -> list[str]:
    there = {source.path for source in tests if "def test_" in source.text}
    return [
        f"{source.path}:1: write {place_of(source)}"
        for source in src
        if has_code(source) and str(place_of(source)) not in there
    ]


def homeless(src: list[Source], tests: list[Source]) -> list[str]:
    places = [place_of(source) for source in src]
    found = []
    for source in tests:
        path = PurePosixPath(source.path)
        if not path.name.startswith("test_") or OF_THE_WHOLE & {*path.parts[1:-1]}:
            continue
        owners = [p for p in places if p.parent == path.parent]
        if not any(path.stem == p.stem or path.stem.startswith(f"{p.stem}_") for p in owners):
            room = "/".join(path.parts[1:-1])
            found.append(
                f"{path}:1: src/verilora/{room} has no file of that name: call it "
                "test_<file>.py or test_<file>_<aspect>.py"
            )
    return found


def test_every_file_is_tested(src: list[Source], tests: list[Source], refuse: Refuse) -> None:
    found = untested(src, tests)
    refuse(found, "files without tests of their own:")


def test_every_test_file_has_a_source(
    src: list[Source], tests: list[Source], refuse: Refuse
) -> None:
    found = homeless(src, tests)
    refuse(found, "test files that mirror nothing:")


def test_tests_are_no_packages(root: Path, refuse: Refuse) -> None:
    found = [f"{path}: delete it" for path in sorted((root / "tests").rglob("__init__.py"))]
    refuse(found, "tests run with importlib and need no packages:")


def test_every_test_can_fail(tests: list[Source], refuse: Refuse) -> None:
    found = [
        f"{source.path}:{node.lineno}: {node.name} asserts nothing"
        for source in tests
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not any(_claims(inner, checks_of(source)) for inner in ast.walk(node))
    ]
    refuse(found, "a test that cannot fail tests nothing:")


def checks_of(source: Source) -> set[str]:
    """Functions of the file that assert something, and fixtures known to."""
    own = (node for node in source.tree.body if isinstance(node, ast.FunctionDef))
    asserting = {f.name for f in own if any(isinstance(node, ast.Assert) for node in ast.walk(f))}
    return asserting | {"raises", "warns", "fail", "assert_close", "assert_equal", "refuse"}


def _claims(node: ast.AST, checks: set[str]) -> bool:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        return name in checks or name.startswith(("assert_", "check_"))
    return isinstance(node, ast.Assert)


def test_the_rules_find_what_they_forbid(make_source: Callable[[str, str], Source]) -> None:
    code, test = "def f(): pass", "def test_f(): assert f"
    merge = make_source("src/verilora/lora/merge.py", code)
    tested = make_source("tests/lora/test_merge.py", test)
    aspect = make_source("tests/lora/test_merge_bits.py", test)
    stray = make_source("tests/lora/test_other.py", test)
    empty = make_source("src/verilora/lora/__init__.py", "from verilora.lora.merge import f")
    assert untested([merge, empty], [tested]) == []
    assert untested([merge], [aspect]) == [
        "src/verilora/lora/merge.py:1: write tests/lora/test_merge.py"
    ]
    assert homeless([merge], [tested, aspect]) == []
    assert "test_other" in homeless([merge], [stray])[0]
