"""What stands at a path, as a statement to sign: a record's file, or a directory with its files.

Nothing is signed that does not fit together: where a record gives the digest of a file beside it,
that file is looked at first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verilora.claims.belongings import ADAPTER, belongings
from verilora.claims.earned import unearned
from verilora.claims.envelope import SUFFIX
from verilora.claims.predicates import kind_of, statement_of
from verilora.errors import DataError, told_together
from verilora.records.adapter_facts import AdapterFacts
from verilora.records.anchor import FORMAT as ANCHORS
from verilora.records.anchor import AnchorReport
from verilora.records.canonical import digest_bytes, digest_file, digest_of
from verilora.records.claim import FORMAT as CLAIM
from verilora.records.claim import Claim
from verilora.records.envelope import Statement
from verilora.records.notice import FORMAT as NOTICE
from verilora.records.notice import Notice
from verilora.records.reading import record_of
from verilora.records.record import Record
from verilora.records.run import FORMAT as RUN
from verilora.records.run import Run
from verilora.records.strict_json import LONGEST, parse_strict
from verilora.records.verdict import Artifact, VerdictDocument, read_document

FORMATS: dict[str, type[Record]] = {
    CLAIM: Claim,
    RUN: Run,
    NOTICE: Notice,
    ANCHORS: AnchorReport,
}
HELD = ("claim.json", "verdict.json", "run.json", ADAPTER)
"""The record of a directory: the first of these that is there."""
LARGEST = 64 << 20
"""Bytes of a verilora.json that are read: a line for each tensor of the base."""


@dataclass(frozen=True)
class ToSign:
    """A statement, and the file that its envelope belongs into."""

    kind: str
    statement: Statement
    envelope: Path


def read_for_signing(path: Path | str) -> ToSign:
    """The statement for a record's file, an adapter's, a run's or a reproduction's directory.

    Raises DataError if there is no record, or if its digests are not those of the files beside it.
    """
    path = Path(path)
    if not path.is_dir():
        record = _read_record(path)
        _refuse_unearned(path, record)
        name = path.name.removesuffix(".json") + SUFFIX
        statement = statement_of(record, {path.name: _digest_of(path, record)})
        return ToSign(kind_of(record), statement, path.with_name(name))
    held = next((path / name for name in HELD if (path / name).is_file()), None)
    if held is None:
        raise _refused(path, f"it holds none of {', '.join(HELD)}; there is no record to sign")
    record = _read_adapter(held) if held.name == ADAPTER else _read_record(held)
    _refuse_unearned(path, record)
    files = {name: digest_file(path / name) for name in belongings(path)}
    faults = list(_unfit(record, files, held=held))
    if faults:
        raise _refused(path, told_together("its files do not fit together", faults))
    return ToSign(kind_of(record), statement_of(record, files), path / f"claim{SUFFIX}")


def _refuse_unearned(path: Path, record: Record) -> None:
    faults = list(unearned(record)) if isinstance(record, Claim) else []
    if faults:
        raise _refused(path, told_together("its claim says more than the rules give", faults))


def _digest_of(path: Path, record: Record) -> str:
    """The record's own digest where the file says just that, laid out anyhow; else its bytes'."""
    content = path.read_bytes()
    return (
        record.digest
        if digest_of(parse_strict(content)) == record.digest
        else (digest_bytes(content))
    )


def _unfit(record: Record, files: dict[str, str], *, held: Path) -> Iterator[str]:
    stated: dict[str, Any] = {}
    if isinstance(record, Run):
        digests = record.digests
        stated = {"predictions.jsonl": digests.predictions}
        if digests.adapter is not None:
            stated["adapter/adapter_model.safetensors"] = digests.adapter
    elif isinstance(record, AdapterFacts):
        stated = _sidecar(held)["files"]
    elif isinstance(record, Claim) and record.performance is not None:
        stated = _rested_on(record.performance.artifacts, files)
        yield from _other_verdict(record.performance.verdict, held.with_name("verdict.json"))
    elif isinstance(record, VerdictDocument) and record.verdict is not None:
        stated = _rested_on(record.verdict.artifacts or (), files)
    for name, digest in stated.items():
        if files.get(name) is None:
            yield f"{name} is missing, and {held.name} gives its digest"
        elif files[name] != digest:
            yield f"{name} is not the file whose digest {held.name} gives"


def _rested_on(artifacts: Iterable[Artifact], files: dict[str, str]) -> dict[str, str]:
    """Of the files that are there; what a verdict rests on may be kept elsewhere."""
    digests = {one.name: f"sha256:{one.sha256.removeprefix('sha256:')}" for one in artifacts}
    return {name: digest for name, digest in digests.items() if name in files}


def _other_verdict(digest: str, path: Path) -> Iterator[str]:
    if not path.is_file():
        yield f"{path.name} is missing, which the claim rests on"
    elif _read_record(path).digest != digest:
        yield f"{path.name} is not the verdict that the claim rests on; verilora claim new anew"


def _read_record(path: Path) -> Record:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror}") from error
    data = parse_strict(content, name=str(path))
    written = data.get("format") if isinstance(data, dict) else None
    if written in FORMATS:
        return record_of(FORMATS[written], data, name=str(path))
    if isinstance(data, dict) and "payload" in data:
        raise _refused(
            path, "it is an envelope, in which something was signed already; name the record"
        )
    if written == "verilora.trust/1":
        raise _refused(path, "a trust file is signed by its root: verilora keys trust")
    if isinstance(data, dict) and ("verdict" in data or {"kind", "status"} <= set(data)):
        return read_document(content, name=str(path))
    known = ", ".join([*FORMATS, "verilora.verdict/1"])
    raise _refused(path, f"its format is {written!r}; one of {known} is wanted")


def _read_adapter(path: Path) -> AdapterFacts:
    found = _sidecar(path)
    try:
        base = found["base"]
        facts = {
            "config": found["config"],
            "base": {
                "name": base["name"],
                "class_name": base["class"],
                "tensors": base["digest"],
            },
            "trained": found["trained"],
        }
        _ = {**found["files"]}
    except (KeyError, TypeError) as error:
        raise _refused(path, f"it lacks {error}; save_adapter writes it whole") from error
    return record_of(AdapterFacts, facts, name=str(path))


def _sidecar(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(LARGEST + 1))
    except (OSError, ValueError, RecursionError) as error:
        raise _refused(path, f"it cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise _refused(path, "an object is wanted; save_adapter writes it")
    return found


def _refused(path: Path, why: str) -> DataError:
    return DataError(f"{path} cannot be signed: {why}", file=path, line=None)
