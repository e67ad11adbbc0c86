"""The papers of the house: there, true, and runnable as they stand.

Every python block of README.md and docs/*.md runs in a fresh namespace, in an empty directory,
with warnings as errors. Model names of the hub give tiny random models (the `tiny_hub` fixture),
so that what a reader would type can stand in the docs. A comment on the line before a block says
otherwise: `<!-- continues -->` takes up the namespace of the block before it, and
`<!-- not run: reason -->` leaves the block out. Every recipe in a toml block is read as one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import verilora
from verilora.records.recipe import Recipe

Refuse = Callable[[list[str], str], None]
ROOT = Path(__file__).resolve().parents[2]
PAPERS = {
    "README.md": "one sentence, the two commands with their output, six lines of Python, refusals",
    "ARCHITECTURE.md": "the picture of the house, with every room",
    "CONTRIBUTING.md": "clone, one line, one line; the rules of the house",
    "CHANGELOG.md": "Keep a Changelog, the version of verilora.__version__ on top",
    "SECURITY.md": "what is promised, and how to report",
    "LICENSE": "Apache-2.0",
    "docs/commands.md": "every command and flag",
    "docs/errors.md": "every error",
    "docs/files.md": "every file and key that verilora writes or reads",
}
PROSE = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.M | re.S
)
MARK = re.compile(r"<!-- (?P<what>continues|not run: \S[^\n]*) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what it says, and the comment before it."""

    path: str
    line: int
    language: str
    code: str
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def blocks_of(path: Path) -> Iterator[Block]:
    text = path.read_text("utf-8")
    for found in FENCE.finditer(text):
        mark = MARK.search(text[: found.start()])
        yield Block(
            path=path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name,
            line=text.count("\n", 0, found.start()) + 2,
            language=found["language"],
            code=re.sub(rf"^{found['indent']}", "", found["code"], flags=re.M),
            mark=mark["what"] if mark else "",
        )


def runnable(blocks: list[Block]) -> Iterator[Block]:
    """Python blocks to run; one that continues has the blocks before it in front."""
    before: Block | None = None
    for block in blocks:
        if block.language != "python" or block.mark.startswith("not run"):
            continue
        code = "\n" * (block.line - 1) + block.code
        if block.mark == "continues" and before is not None:
            code = before.code + "\n" * (block.line - 1 - before.code.count("\n")) + block.code
        before = replace(block, code=code)
        yield before


TOLD = [path for path in PROSE if path.name == "README.md" or path.parent.name == "docs"]
PYTHON = [block for path in TOLD for block in runnable(list(blocks_of(path)))]
TOML = [block for path in TOLD for block in blocks_of(path) if block.language == "toml"]


def slugs_of(text: str) -> set[str]:
    """Anchors that GitHub gives to the headings of a page."""
    plain = FENCE.sub("", text)
    titles = re.findall(r"^#+ +(.*?) *#*$", plain, re.M)
    words = (re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).lower()) for title in titles)
    return {word.replace(" ", "-") for word in words}


def broken_links(path: Path) -> Iterator[str]:
    text = path.read_text("utf-8")
    for number, line in enumerate(FENCE.sub(_blank, text).splitlines(), 1):
        for target in re.findall(
            r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", re.sub(r"`[^`]*`", "", line)
        ):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            there = (path.parent / name) if name else path
            if not there.exists():
                yield f"{path.name}:{number}: {target} does not exist"
            elif (
                anchor
                and there.suffix == ".md"
                and anchor not in slugs_of(there.read_text("utf-8"))
            ):
                yield f"{path.name}:{number}: {target} has no such heading"


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


@pytest.mark.parametrize("name", PAPERS)
def test_the_paper_is_there(name: str) -> None:
    path = ROOT / name
    if not path.is_file() or path.stat().st_size < 200:
        pytest.fail(f"write {name}: {PAPERS[name]}", pytrace=False)
    assert path.read_text("utf-8").endswith("\n")


@pytest.mark.parametrize("block", PYTHON, ids=str)
@pytest.mark.usefixtures("tiny_hub")
def test_python_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "block"}
    exec(compile(block.code, str(ROOT / block.path), "exec"), space)
    assert len(space) > 2, f"{block}: a block that defines and imports nothing shows nothing"


def test_toml_is_toml_and_recipes_can_be_read(refuse: Refuse) -> None:
    found = []
    for block in TOML:
        try:
            data = tomllib.loads(block.code)
            if "format" in data:
                Recipe.model_validate(data)
        except ValueError as error:  # of TOML, and of pydantic
            found.append(f"{block}: {error}")
    refuse(found, "blocks that a reader could not use:")


def test_the_readme_shows_python_and_the_two_commands() -> None:
    path = ROOT / "README.md"
    shown = [block for block in PYTHON if block.path == "README.md"]
    assert shown, "README.md: six lines of Python are missing, or none of them is run"
    for command in ("make demo", "make test"):
        assert command in path.read_text("utf-8"), f"README.md: show `{command}`"


def test_links_lead_somewhere(refuse: Refuse) -> None:
    refuse([fault for path in PROSE for fault in broken_links(path)], "links that lead nowhere:")


def test_every_target_of_make_exists(refuse: Refuse) -> None:
    there = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    found = [
        f"{path.name}: `make {name}` is no target of the Makefile"
        for path in PROSE
        for name in re.findall(r"(?:`|^\$? ?)make (\w+)", path.read_text("utf-8"), re.M)
        if name not in there
    ]
    refuse(found, "commands that do not exist:")


def test_the_architecture_names_every_room(refuse: Refuse) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    house = ROOT / "src/verilora"
    rooms = {path.parent.name for path in house.glob("*/__init__.py")}
    rooms |= {path.stem for path in house.glob("*.py")}
    missing = sorted(room for room in rooms if "__" not in room and room not in text)
    refuse([f"ARCHITECTURE.md: {room} is not drawn" for room in missing], "rooms left out:")


def test_the_changelog_begins_with_the_version() -> None:
    titles = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    released = [title for title in titles if title != "Unreleased"]
    assert released[0] == verilora.__version__


def test_the_rules_find_what_they_forbid(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `title`, here\n[a](#a-title-here) [b](#b) [c](absent.md) [d](https://x.y) `[e](f)`\n"
        "```python\nx = 1\n```\n<!-- continues -->\n```python\ny = x\n```\n"
        "<!-- not run: it needs a hub -->\n\n```python\nboom\n```\n```sh\n[g](h)\n```\n"
    )
    assert len(list(broken_links(page))) == 2
    first, second = runnable(list(blocks_of(page)))
    assert (first.line, second.line) == (4, 8)
    assert second.code.splitlines()[3] == "x = 1"
    assert second.code.splitlines()[7] == "y = x"
