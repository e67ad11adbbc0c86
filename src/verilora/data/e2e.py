"""E2E NLG: from the challenge's own files to prompts, each a meaning representation, with texts.

A meaning representation becomes LoRA's form of it: "name : The Vaults | Type : pub". Of the two
kinds of files, the challenge's CSVs (Novikova et al. 2017, arXiv:1706.09254) keep the texts as
people wrote them; those that LoRA's authors made of them (microsoft/LoRA, examples/NLG/data/e2e)
have theirs cut into words. Rows that stand there twice are kept: the official files have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from verilora.data.dataset import Example, Splits
from verilora.data.findings import Findings
from verilora.data.tables import Row, find_table, read_table, read_tsv
from verilora.errors import DataError, RecipeError, nearest

PARTS = {"dev": ("devset.csv", "valid.txt"), "test": ("testset_w_refs.csv", "test.txt")}
"""The part that a model is measured on -> its file in the challenge's form, and in LoRA's."""
TRAIN = ("trainset.csv", "train.txt")
ATTRIBUTES = {
    "name": "name",
    "eatType": "Type",
    "food": "food",
    "priceRange": "price",
    "customer rating": "customer rating",
    "area": "area",
    "familyFriendly": "family friendly",
    "near": "near",
}
"""Attribute in the challenge's files -> in LoRA's."""
_ATTRIBUTE = re.compile(r"([^\[\],]+)\[([^\[\]]*)\]")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|\w+|[^\w\s]")


def read_e2e(directory: Path, part: str | None = None) -> Splits:
    """Training set and one part of the rest ("dev" by default, or "test"), as (prompt, text).

    Each file may be gzipped. Raises DataError for what is missing or has a fault (file and line),
    RecipeError for an unknown part.
    """
    wanted = part or "dev"
    if wanted not in PARTS:
        told = (
            f"validation is '{part}'{nearest(wanted, PARTS)}; of task 'e2e', dev or test is wanted"
        )
        raise RecipeError("[task]", [told])
    kind = _kind_of(directory)
    read = (_read_csv, _read_lines)[kind]
    return Splits(
        read(find_table(directory / TRAIN[kind]), prefix="train"),
        read(find_table(directory / PARTS[wanted][kind]), prefix=wanted),
    )


def prompt_of(meaning: str) -> str:
    """A meaning representation in LoRA's form. Raises ValueError for one that is none.

    "name[Aromi], eatType[pub]" becomes "name : Aromi | Type : pub"; the words of a value are set
    apart ("£20-25" is "£ 20 - 25"). Every line of LoRA's valid.txt and test.txt begins so.
    """
    found = _ATTRIBUTE.findall(meaning)
    pairs = [(name.strip(), value) for name, value in found]
    if not pairs or ", ".join(f"{name}[{value}]" for name, value in pairs) != meaning.strip():
        raise ValueError(
            f"'{meaning}' is no meaning representation; name[value], name[value], ... is wanted"
        )
    unknown = [name for name, _ in pairs if name not in ATTRIBUTES]
    if unknown:
        near, known = nearest(unknown[0], ATTRIBUTES), ", ".join(ATTRIBUTES)
        raise ValueError(f"there is no attribute '{unknown[0]}'{near} (known: {known})")
    told = (f"{ATTRIBUTES[name]} : {' '.join(_WORD.findall(value))}" for name, value in pairs)
    return " | ".join(told)


def _kind_of(directory: Path) -> int:
    """0 for the challenge's files, 1 for LoRA's; the first where both are there."""
    if not directory.is_dir():
        found = "a file" if directory.exists() else "not there"
        raise _missing(f"[task] data is {directory}, which is {found}", directory)
    for kind, name in enumerate(TRAIN):
        if (directory / name).is_file() or (directory / f"{name}.gz").is_file():
            return kind
    raise _missing(f"{directory} holds neither {' nor '.join(TRAIN)}", directory)


def _missing(what: str, directory: Path) -> DataError:
    return DataError(
        f"{what}; a directory is wanted with trainset.csv, devset.csv and testset_w_refs.csv of "
        "the E2E challenge (github.com/tuetschek/e2e-dataset), or with train.txt, valid.txt and "
        "test.txt as in microsoft/LoRA's examples/NLG/data/e2e, plain or .gz",
        file=str(directory),
        line=None,
    )


def _read_csv(path: Path, *, prefix: str) -> list[Example]:
    rows, findings = read_table(path, ("mr", "ref"))
    return _examples(rows, findings, prefix=prefix)


def _read_lines(path: Path, *, prefix: str) -> list[Example]:
    findings = Findings(path)
    return _examples(_split(findings), findings, prefix=prefix)


def _split(findings: Findings) -> Iterator[Row]:
    """(line, (prompt, text)) of LoRA's form, prompt||text."""
    for line, (whole,) in read_tsv(findings, ("line",), header=("line",)):
        parts = whole.split("||")
        if len(parts) == 2:
            yield line, tuple(parts)
        else:
            findings.fault(line, f"{len(parts) - 1} times '||'; once is wanted: prompt||text")


def _examples(rows: Iterable[Row], findings: Findings, *, prefix: str) -> list[Example]:
    lines = findings.path.name.removesuffix(".gz").endswith(".txt")
    prompts: dict[str, str] = {}
    examples: list[Example] = []
    for line, (meaning, text) in rows:
        try:
            if meaning not in prompts:
                prompts[meaning] = meaning.strip() if lines else prompt_of(meaning)
            if not prompts[meaning] or not text.strip():
                raise ValueError("the meaning representation or its text is empty")
        except ValueError as error:
            findings.fault(line, str(error))
        else:
            texts = (prompts[meaning], " ".join(text.split()))
            examples.append(Example(f"{prefix}-{len(examples)}", texts))
    findings.raise_faults()
    if not examples:
        raise DataError(f"{findings.path} holds no rows", file=str(findings.path), line=None)
    return examples
