"""Which record a statement's predicate is, and the statement that a record becomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verilora.claims.envelope import Opened
from verilora.errors import DataError, VerificationError
from verilora.records.adapter_facts import AdapterFacts
from verilora.records.anchor import AnchorReport
from verilora.records.claim import Claim
from verilora.records.envelope import PREDICATES, Statement
from verilora.records.notice import Notice
from verilora.records.reading import record_of
from verilora.records.record import Record
from verilora.records.run import Run
from verilora.records.trust import Trust
from verilora.records.verdict import VerdictDocument

RECORDS: dict[str, type[Record]] = {
    "claim": Claim,
    "verdict": VerdictDocument,
    "run": Run,
    "notice": Notice,
    "trust": Trust,
    "adapter": AdapterFacts,
    "anchors": AnchorReport,
}
_OF_OTHERS = ("verdict",)
"""Kinds that other services write too, without a format."""
_KINDS = {address: kind for kind, address in PREDICATES.items()}


def kind_of(record: Record) -> str:
    """ "claim", "verdict", ...: the kind that a record is signed as."""
    return next(kind for kind, made in RECORDS.items() if type(record) is made)


def statement_of(record: Record, files: Mapping[str, str] | None = None) -> Statement:
    """What is signed: the record, about `files` (name -> `sha256:…`) or about itself alone."""
    kind = kind_of(record)
    digests = files if files else {self_name(kind): record.digest}
    return Statement.model_validate(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [
                {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
                for name, digest in digests.items()
            ],
            "predicateType": PREDICATES[kind],
            "predicate": record.to_mapping(),
        }
    )


def self_name(kind: str) -> str:
    """The subject of a record that is about no file: itself, under the name it would have."""
    return f"{kind}.json"


def is_itself(digest: str, record: Record) -> bool:
    """True if a subject's digest is the record's own, which the signature covers already."""
    return digest == record.digest.removeprefix("sha256:")


def read_predicate(opened: Opened) -> tuple[str, Record]:
    """The kind, and the record that was signed.

    Raises VerificationError with the state "schema-invalid" for a predicate of an unknown type, or
    one that is no such record: keys unknown or missing, values of another type.
    """
    statement = opened.statement
    kind = _KINDS.get(statement.predicate_type)
    if kind is None:
        known = ", ".join(_KINDS)
        raise _invalid(f"predicateType {statement.predicate_type!r} is none of {known}")
    if "format" not in statement.predicate and kind not in _OF_OTHERS:
        raise _invalid(f"the {kind} has no format; its version decides what its keys mean")
    try:
        record = record_of(RECORDS[kind], statement.predicate, name=f"the {kind}")
    except DataError as error:
        raise _invalid(str(error)) from error
    if not _is_told(statement.predicate, record.to_mapping()):
        raise _invalid(f"the {kind} has a value of another type than the record's")
    return kind, record


def _is_told(given: Any, full: Any) -> bool:
    """True if what was given stands in the record unchanged.

    Keys may be missing that have a default: a record of an older version, which lacks what was
    added since, stays valid.
    """
    if isinstance(given, dict):
        return isinstance(full, dict) and all(
            key in full and _is_told(value, full[key]) for key, value in given.items()
        )
    if isinstance(given, list):
        return (
            isinstance(full, list) and len(given) == len(full) and all(map(_is_told, given, full))
        )
    # 1 and 1.0 have one canonical form; true and 1 do not.
    return given == full and isinstance(given, bool) == isinstance(full, bool)


def _invalid(sentence: str) -> VerificationError:
    return VerificationError(f"what was signed cannot be: {sentence}", state="schema-invalid")
