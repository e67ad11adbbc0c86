"""What may not stand in the tree: a machine's paths, code that runs data, two words for one thing.

`# allowed: reason` on a line excuses a call; words and paths have no excuse.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Source = Any
Refuse = Callable[[list[str], str], None]

# Pieces are joined so that this file does not find itself.
MACHINE = re.compile(r"(?<![\w.}/<-])/(?:work|home|root|Users|mnt|workspace)(?:/|(?=[\s\"'`)]|$))")
REGISTRY = re.compile(
    "|".join(["pypi" + r"\.org", "python" + r"hosted\.org", "download\\.py" + "torch"])
)
LATER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")
TEXTS = ("*.py", "*.md", "*.toml", "*.html", "*.css", "*.svg", "Makefile", "constraints.txt")
FOLDERS = ("src", "tests", "docs", "examples", "benchmarks", ".ci")

# One word for a concept. Pattern -> the word of the house; checked in src and docs.
WORDS = {
    r"\bbackbone\b": "base",
    r"\bpre-trained\b": "pretrained",
}
# Identifiers are whole words; PEFT's and the paper's letters have their own rooms.
SHORT = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "bs": "batch_size",
    "cfg": "config",
    "ckpt": "checkpoint",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "scaling": "scale",
    "r": "rank",
}
LETTERS = ("kernels", "lora")

UNPICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {
    "eval": "data is never evaluated",
    "exec": "data is never executed",
    "compile": "data is never compiled",
    "os.system": "data never reaches a shell",
    "torch.hub.load": "code from elsewhere is never run",
}
# Methods whose meaning is torch's or Python's own.
TOLD_ELSEWHERE = {"forward", "backward", "setup_context", "extra_repr", "reset_parameters"}


def texts(root: Path) -> Iterator[tuple[str, int, str]]:
    """(path, number, line) of every text that belongs to the project."""
    places = [root.glob(pattern) for pattern in TEXTS]
    places += [(root / folder).rglob(pattern) for folder in FOLDERS for pattern in TEXTS]
    for path in sorted({path for place in places for path in place}):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            yield path.relative_to(root).as_posix(), number, line


def dangers(source: Source) -> Iterator[tuple[int, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            roots = {getattr(node, "module", None) or name for name in names}
            if {name.split(".")[0] for name in roots} & UNPICKLING:
                yield node.lineno, "nothing is unpickled: use safetensors or JSON"
        if isinstance(node, ast.Call):
            why = _danger(node)
            if why:
                yield node.lineno, why


def _danger(call: ast.Call) -> str | None:
    name = ast.unparse(call.func)
    given = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
    if name in ("torch.load", "load") and name == "torch.load" and not given.get("weights_only"):
        return "torch.load unpickles: say weights_only=True"
    for word in ("trust_remote_code", "allow_pickle", "shell"):
        if given.get(word):
            return f"{word}=True runs what somebody else wrote"
    return FORBIDDEN_CALLS.get(name)


def untold(source: Source) -> Iterator[tuple[int, str]]:
    """Public classes, functions and methods without a docstring, and the module itself."""
    if ast.get_docstring(source.tree) is None:
        yield 1, "the module: say what it is for, and what it must not know"
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    todo: list[ast.stmt] = list(source.tree.body)
    for node in todo:
        if not isinstance(node, named) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None and node.name not in TOLD_ELSEWHERE:
            yield node.lineno, f"{node.name} needs a docstring: fact first"
        if isinstance(node, ast.ClassDef):
            todo.extend(node.body)


def short_names(source: Source) -> Iterator[tuple[int, str]]:
    """Parameters and fields of public functions and classes with a short or foreign name."""
    if source.path.endswith(("formats/peft.py", "formats/peft_config.py")):
        return
    for node in ast.walk(source.tree):
        own: list[ast.arg | ast.AnnAssign] = []
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            own = [*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs]
        elif isinstance(node, ast.ClassDef):
            own = [item for item in node.body if isinstance(item, ast.AnnAssign)]
        for item in own:
            name = item.arg if isinstance(item, ast.arg) else ast.unparse(item.target)
            if name in SHORT and not (name == "r" and source.room in LETTERS):
                yield item.lineno, f"'{name}': the word of the house is '{SHORT[name]}'"


def _found(src: list[Source], rule: Callable[[Source], Iterator[tuple[int, str]]]) -> list[str]:
    return [
        f"{source.path}:{line}: {why}"
        for source in src
        for line, why in rule(source)
        if "# allowed: " not in "".join(source.lines[line - 1 : line])
    ]


def _matching(root: Path, pattern: re.Pattern[str]) -> list[str]:
    return [f"{path}:{n}: {line.strip()}" for path, n, line in texts(root) if pattern.search(line)]


def test_no_path_of_a_machine(root: Path, refuse: Refuse) -> None:
    refuse(_matching(root, MACHINE), "paths of one machine; say it relative to the file:")


def test_no_host_of_a_registry(root: Path, refuse: Refuse) -> None:
    refuse(_matching(root, REGISTRY), "hosts of package registries; the installer knows them:")


def test_nothing_is_left_for_later(root: Path, refuse: Refuse) -> None:
    refuse(_matching(root, LATER), "do it, or open an issue:")


def test_data_stays_data(src: list[Source], refuse: Refuse) -> None:
    refuse(_found(src, dangers), "code that could run data (`# allowed: reason` if it cannot):")


def test_everything_public_is_told(src: list[Source], refuse: Refuse) -> None:
    refuse(_found(src, untold), "docstrings are missing:")


def test_names_are_whole_words(src: list[Source], refuse: Refuse) -> None:
    refuse(_found(src, short_names), "public names are whole words, one per concept:")


def test_one_word_for_a_concept(root: Path, refuse: Refuse) -> None:
    found = [
        f"{path}:{number}: '{match[0]}': the house says {word}"
        for path, number, line in texts(root)
        if path.startswith(("src", "docs", "README", "ARCHITECTURE", "examples"))
        for pattern, word in WORDS.items()
        for match in [re.search(pattern, line, re.IGNORECASE)]
        if match
    ]
    refuse(found, "one word for a concept everywhere:")


def test_the_rules_find_what_they_forbid(make_source: Callable[[str, str], Source]) -> None:
    def found(rule: Callable[[Source], Iterator[tuple[int, str]]], text: str) -> list[str]:
        return _found([make_source("src/verilora/train/a.py", text)], rule)

    for text in (
        "import pickle",
        "from pickle import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "eval(text)",
        "exec(text)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "numpy.load(path, allow_pickle=True)",
        "subprocess.run(line, shell=True)",
    ):
        assert len(found(dangers, text)) == 1, text
    for text in ("model.eval()", "re.compile(x)", "torch.load(path, weights_only=True)"):
        assert found(dangers, text) == []
    assert found(dangers, "import pickle  # allowed: only its protocol number is read") == []
    assert len(found(untold, "class A:\n  def f(self): pass\n  def _g(self): pass")) == 3
    assert found(untold, '"""A."""\ndef forward(x): pass\ndef _f(): pass') == []
    assert "rank" in found(short_names, "def f(r, *, alpha): pass")[0]
    assert "learning_rate" in found(short_names, "class A:\n  lr: float = 0.1")[0]
    place = "/" + "root"
    assert MACHINE.search(f"cd {place}/x") and MACHINE.search(f"'{place}'")
    assert not MACHINE.search(f"path{place}/x") and not MACHINE.search(f"{place}s")
    assert REGISTRY.search("https://" + "pypi" + ".org/simple")
