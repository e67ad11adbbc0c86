"""Every kind of record that is signed: no leaf of it can be changed unseen."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign
from verilora.claims.issue import claim_of
from verilora.claims.predicates import RECORDS, kind_of, statement_of
from verilora.claims.standing import check
from verilora.claims.trust import read_trust
from verilora.errors import VerificationError
from verilora.records.adapter import LoraConfig
from verilora.records.adapter_facts import AdapterFacts
from verilora.records.anchor import AnchorReport
from verilora.records.canonical import canonical_bytes
from verilora.records.claim import Claim
from verilora.records.notice import Notice
from verilora.records.record import Record
from verilora.records.run import Run

SHA = "sha256:" + "0" * 64
FILES = {"adapter/weights": SHA, "run.json": "sha256:" + "1" * 64}


def anchors() -> AnchorReport:
    result = {
        "name": "demo",
        "title": "The demo",
        "measured": "accuracy",
        "unit": "percent",
        "where": "anywhere",
        "latest": 77.1,
        "expected": 77.2,
        "tolerance": 1.5,
        "source": "three seeds",
        "state": "healthy",
        "detail": "0.1 below",
        "seconds": 80.5,
        "computed_at": "2026-05-16T00:00:00Z",
        "environment": {"torch": "2.13.0"},
    }
    return AnchorReport.model_validate({"results": [result]})


@pytest.fixture
def records(
    world: Any, claim: Claim, reproduction: Any, write_run: Callable[..., Path]
) -> dict[str, Record]:
    """One of each kind, and the claim of a performance besides."""
    document = reproduction(89.4, 89.5, 89.6)
    config = LoraConfig(rank=2, alpha_pattern={"query": 4.0}).to_mapping()
    base = {"name": None, "class_name": "BertModel", "tensors": SHA}
    notice = {"kind": "supersession", "about": SHA, "by": claim.digest, "reason": "a slip"}
    two = [world.trusted(), world.trusted(world.stranger)]
    return {
        "claim": claim,
        "performance": claim_of(document, at="2026-05-16T00:00:00Z"),
        "verdict": document,
        "run": Run.model_validate_json((write_run(steps=8) / "run.json").read_bytes()),
        "notice": Notice.model_validate({**notice, "made_at": "2026-03-01T00:00:00Z"}),
        "adapter": AdapterFacts.model_validate({"config": config, "base": base, "trained": True}),
        "anchors": anchors(),
        "trust": world.trust(keys=two, threshold={"claim": 2}),
    }


def mutants(value: Any) -> Iterator[tuple[str, Any]]:
    """The value with one leaf changed, and with it left out, for every leaf."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f".{key} left out", {k: v for k, v in value.items() if k != key}
            yield (
                f".{key} renamed",
                {**{k: v for k, v in value.items() if k != key}, f"{key}_": item},
            )
            for told, inner in mutants(item):
                yield f".{key}{told}", {**value, key: inner}
    elif isinstance(value, list):
        yield " one more", [*value, None]
        for place, item in enumerate(value):
            yield f"[{place}] left out", value[:place] + value[place + 1 :]
            for told, inner in mutants(item):
                yield f"[{place}]{told}", [*value[:place], inner, *value[place + 1 :]]
    else:
        yield f" not {value!r}", _other(value)


def _other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("b" if value[-1:] != "b" else "c")
    return "something"


def state_of(content: bytes, world: Any) -> str:
    try:
        opened = open_envelope(content)
        if opened.statement.predicate_type.endswith("/trust/v1"):
            read_trust(content)
            return "valid"
        return check(opened, world.trust(), now=world.now).state
    except VerificationError as error:
        return error.facts["state"]


def test_every_kind_is_here(records: dict[str, Record]) -> None:
    assert {kind_of(record) for record in records.values()} == set(RECORDS)


@pytest.mark.parametrize("kind", ["performance", *RECORDS])
def test_no_leaf_is_changed_unseen(kind: str, world: Any, records: dict[str, Record]) -> None:
    record = records[kind]
    content = sign(statement_of(record, FILES), world.root if kind == "trust" else world.key)
    envelope = json.loads(content)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert state_of(content, world) == "valid"
    tried = 0
    for told, mutant in mutants(statement):
        payload = base64.b64encode(canonical_bytes(mutant)).decode()
        state = state_of(json.dumps({**envelope, "payload": payload}).encode(), world)
        # A trust file names its own roots, and so is read before its signature is held against
        # them; with another type it is a record that a root has signed, and no key.
        own = ("schema-invalid", "unknown-key") if kind == "trust" else ()
        assert state in ("bad-signature", "malformed", *own), told
        tried += 1
    assert tried > 30


@pytest.mark.parametrize("kind", RECORDS)
def test_no_letter_of_the_envelope_is_changed_unseen(
    kind: str, world: Any, records: dict[str, Record]
) -> None:
    content = sign(statement_of(records[kind]), world.root if kind == "trust" else world.key)
    step = max(1, len(content) // 300)
    for place in range(0, len(content), step):
        changed = bytearray(content)
        changed[place] ^= 1
        assert state_of(bytes(changed), world) != "valid", (
            place,
            bytes(changed[place : place + 9]),
        )
