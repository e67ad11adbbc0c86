"""What a user gives of a claim in files and flags, for `claim new`, `claim show` and `cite`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from verilora.errors import ClaimError, DataError

SOURCE = ("type", "publisher", "title", "url", "published", "quote")
"""Parts of --source, between bars; the last two may be left out."""


def read_bytes(path: Path, *, wanted: str) -> bytes:
    """The bytes of a file, one more than a document may have at most. Raises DataError."""
    from verilora.records.strict_json import LONGEST

    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 1)
    except OSError as error:
        found = f"{path} cannot be read: {error.strerror}; {wanted} is wanted"
        raise DataError(found, file=path, line=None) from error


def read_claim(path: Path) -> tuple[Any, str, bool]:
    """The claim in a file, the digest of what is cited, and whether it stands in an envelope.

    No signature is checked. Raises DataError or VerificationError for what is no claim.
    """
    content = read_bytes(path, wanted="a claim (JSON), or the envelope of a signed one")
    return claim_in(content, name=str(path))


def claim_in(content: bytes, *, name: str) -> tuple[Any, str, bool]:
    """As `read_claim`, of bytes."""
    from verilora.claims.envelope import open_envelope
    from verilora.claims.predicates import read_predicate
    from verilora.records.claim import Claim
    from verilora.records.reading import record_of
    from verilora.records.strict_json import parse_strict

    data = parse_strict(content, name=name)
    if not isinstance(data, dict) or "payload" not in data:
        claim = record_of(Claim, data, name=name)
        return claim, claim.digest, False
    opened = open_envelope(content, name=name)
    kind, record = read_predicate(opened)
    if not isinstance(record, Claim):
        found = f"{name} is a signed {kind}; a signed claim is wanted"
        raise DataError(found, file=name, line=None)
    return record, opened.digest, True


def claims_among(paths: Sequence[Path]) -> Iterator[Any]:
    """Every claim in files, in files with one a line (.jsonl), and in folders (claim*.json)."""
    for path in paths:
        if path.is_dir():
            yield from (read_claim(file)[0] for file in sorted(path.glob("claim*.json")))
        elif path.suffix == ".jsonl":
            yield from _lines(path)
        else:
            yield read_claim(path)[0]


def sources_given(lines: Sequence[str]) -> list[dict[str, Any]]:
    """The sources of --source lines. Raises ClaimError with every one that has too few parts."""
    sources, faults = [], []
    for line in lines:
        parts = [part.strip() for part in line.split("|", maxsplit=len(SOURCE) - 1)]
        if len(parts) < 4:
            wanted = " | ".join(SOURCE[:4])
            faults.append(f"--source '{line}' has {len(parts)} parts; {wanted} are wanted")
        sources.append({name: part for name, part in zip(SOURCE, parts, strict=False) if part})
    if faults:
        raise ClaimError("the sources", faults)
    return sources


def texts_given(given: Sequence[str], sources: Sequence[Any], *, beside: Path) -> dict[int, str]:
    """The text of each source by its number: of --text N=FILE, and of `text` in the draft.

    A draft's files stand beside it. Raises DataError for a file that cannot be read.
    """
    from verilora.paper_text import read_paper

    named = {n: beside / one.text for n, one in enumerate(sources, 1) if one.text}
    for one in given:
        number, _, file = one.partition("=")
        if not number.isdecimal() or not file:
            raise typer.BadParameter(
                f"--text {one}: the number of a source and a file: 1=paper.pdf"
            )
        named[int(number)] = Path(file)
    return {number: read_paper(path) for number, path in sorted(named.items())}


def _lines(path: Path) -> Iterator[Any]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        found = f"{path} cannot be read: {error.strerror}; claims, one on a line, are wanted"
        raise DataError(found, file=path, line=None) from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield claim_in(line, name=f"{path}, line {number}")[0]
