"""From what a user gives to a claim on disk: `claim new`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from verilora.cli.drafts import claims_among, read_bytes, sources_given, texts_given
from verilora.cli.terminal import Terminal
from verilora.errors import DataError, OutputError

OF_A_FACT = ("predicate", "object", "vertical", "tags", "confidence", "confidence_reason")
"""Flags that a claim about a performance does not have: there the verdict decides."""


@dataclass(frozen=True)
class Wanted:
    """Everything that `claim new` was told."""

    file: Path | None
    given: Mapping[str, Any]
    sources: Sequence[str]
    texts: Sequence[str]
    distinct_from: Sequence[str]
    reasons: Sequence[str]
    among: Sequence[Path]
    database: str | None
    at: str | None
    out: Path | None
    force: bool

    @property
    def time(self) -> str:
        """When the claim is written, in UTC: as told, else now, to the second."""
        return self.at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_claim(terminal: Terminal, wanted: Wanted) -> None:
    """Makes the claim, writes it, and says where it is and what it says."""
    from verilora.atomic import write_whole
    from verilora.cli.claim_told import claim_told

    _refuse_half(wanted)
    claim = _claim(wanted)
    _refuse_known(claim, wanted.database)
    out = wanted.out or Path(f"claim-{claim.id}.json")
    if out.exists() and not wanted.force:
        raise OutputError(
            f"{out} is there already; nothing is overwritten unasked: choose another --out, or say "
            "--force",
            path=out,
        )
    write_whole(out, claim.canonical())
    mapping = {"claim": claim.to_mapping(), "digest": claim.digest, "path": str(out)}
    terminal.tell(claim_told(claim, claim.digest, signed=False, file=out), mapping=mapping)


def _refuse_half(wanted: Wanted) -> None:
    if len(wanted.distinct_from) != len(wanted.reasons):
        raise typer.BadParameter("--distinct-from ID and --reason TEXT belong together")
    if wanted.file is None and "subject" not in wanted.given:
        raise typer.BadParameter(
            "a draft (FILE) or --subject, --predicate, --object and --source are wanted"
        )


def _refuse_known(claim: Any, database: str | None) -> None:
    """Raises ClaimError if the registry has the fact already: the one named, else the user's own.

    The same result may be claimed again: what rests on the same verdict is no double of it.
    """
    from verilora.claims.duplicates import refuse_duplicate
    from verilora.registry.alike import claims_alike
    from verilora.registry.engine import default_path

    file = _file_of(database) if database is not None else default_path()
    if file is not None and not file.is_file():
        if database is None:
            return
        raise DataError(f"there is no registry {file} to compare with", file=file, line=None)
    held = claim.performance
    others = [
        other
        for other in claims_alike(claim, database)
        if held is None or other.performance is None or other.performance.verdict != held.verdict
    ]
    refuse_duplicate(claim, others)


def _file_of(database: str) -> Path | None:
    """The file of a registry in one; None for a server."""
    scheme, found, rest = database.partition(":///")
    if found and scheme == "sqlite":
        return Path(rest)
    return None if "://" in database else Path(database)


def _claim(wanted: Wanted) -> Any:
    document = _document(wanted.file)
    return _fact(wanted) if document is None else _performance(wanted, document)


def _fact(wanted: Wanted) -> Any:
    from verilora.claims.draft import draft_of, read_draft
    from verilora.claims.issue import fact

    given: dict[str, Any] = dict(wanted.given)
    if wanted.sources:
        given["sources"] = sources_given(wanted.sources)
    if wanted.distinct_from:
        pairs = zip(wanted.distinct_from, wanted.reasons, strict=True)
        given["distinct_from"] = [{"id": id_, "reason": reason} for id_, reason in pairs]
    beside = Path()
    if wanted.file is None:
        draft = draft_of(given, name="the claim")
    else:
        content = read_bytes(wanted.file, wanted="a draft (TOML or JSON)")
        draft, beside = read_draft(content, name=str(wanted.file), given=given), wanted.file.parent
    texts = texts_given(wanted.texts, draft.sources, beside=beside)
    return fact(draft, at=wanted.time, texts=texts, others=claims_among(wanted.among))


def _performance(wanted: Wanted, document: Any) -> Any:
    from verilora.claims.issue import claim_of

    unfit = [name for name in OF_A_FACT if name in wanted.given]
    unfit += ["sources"] * bool(wanted.sources) + ["distinct_from"] * bool(wanted.distinct_from)
    if unfit:
        flags = ", ".join("--" + name.removesuffix("s").replace("_", "-") for name in unfit)
        raise typer.BadParameter(
            f"{wanted.file} is a verdict, which decides by itself what {flags} would say"
        )
    texts = texts_given(wanted.texts, (), beside=Path())
    if set(texts) - {1}:
        raise typer.BadParameter("--text: the paper is source 1 of a verdict, and the only one")
    return claim_of(
        document,
        at=wanted.time,
        paper_text=texts.get(1) or _kept_text(wanted.file),
        subject=wanted.given.get("subject"),
        rank=_rank_in(wanted.file),
        others=claims_among(wanted.among),
    )


def _document(file: Path | None) -> Any:
    """The verdict document in the file or directory; None if it is a draft."""
    from verilora.records.verdict import read_document

    if file is None:
        return None
    path = file / "verdict.json" if file.is_dir() else file
    content = read_bytes(path, wanted="a draft, or the verdict document of a reproduction")
    keys = _keys_in(content)
    if "confidence_rule" in keys:
        raise DataError(
            f"{path} is a claim that was written already: verilora sign {path}; to change it, "
            "change its draft and write it anew",
            file=path,
            line=None,
        )
    if file.is_dir() or {"verdict", "verdicts", "status"} & keys:  # a draft has none of them
        return read_document(content, name=str(path))
    return None


def _keys_in(content: bytes) -> set[str]:
    """The keys of a JSON object; none for anything else, which the reader of drafts tells of."""
    from verilora.records.strict_json import parse_strict

    if content.lstrip()[:1] != b"{":
        return set()
    try:
        return set(parse_strict(content))
    except DataError:
        return set()


def _kept_text(file: Path | None) -> str | None:
    """The paper's text in a reproduction's directory, where it was supplied for the verdict."""
    from verilora.paper_text import read_paper

    kept = file / "paper.txt" if file is not None else None
    return read_paper(kept) if kept is not None and kept.is_file() else None


def _rank_in(directory: Path | None) -> int | None:
    """The rank of the adapters in a reproduction's directory, where all runs have the same."""
    from verilora.recipes import catalog

    files = sorted(directory.glob("*/recipe.toml")) if directory is not None else []
    recipes = [catalog.load(str(file)) for file in files]
    ranks = {recipe.adapter.rank for recipe in recipes if recipe.training.method == "lora"}
    return ranks.pop() if len(ranks) == 1 else None
