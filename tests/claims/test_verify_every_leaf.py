"""Nothing in an envelope or its payload can be changed unseen: every leaf, one after the other."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from verilora.claims.envelope import open_envelope, sign_together
from verilora.claims.predicates import statement_of
from verilora.claims.standing import check
from verilora.errors import VerificationError
from verilora.records.canonical import canonical_bytes
from verilora.records.claim import Claim

Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    inner = [found for key, item in items for found in leaves(item, (*path, key))]
    yield from inner or [path]


def flipped(value: Any) -> Iterator[Any]:
    """The leaf in other values of its kind, and of none."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (value + 1, value / 2, -value - 1)
    elif isinstance(value, str):
        for place in {0, len(value) // 2, len(value) - 1} if value else set():
            letter = "b" if value[place] != "b" else "c"
            yield value[:place] + letter + value[place + 1 :]
        yield from (value + "a", value[:-1], value.swapcase())
    elif value is None:
        yield from ("", 0)
    else:
        yield [None] if isinstance(value, list) else {"a": 1}
    if value is not None:
        yield None


def changed(document: Any, path: Path, leaf: Any) -> Any:
    made = copy.deepcopy(document)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = leaf
    return made


def without(document: Any, path: Path) -> Any:
    made = copy.deepcopy(document)
    place = made
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return made


def mutants(document: Any) -> Iterator[tuple[str, Any]]:
    for path in leaves(document):
        place: Any = document
        for key in path:
            place = place[key]
        for leaf in flipped(place):
            if leaf != place or type(leaf) is not type(place):
                yield f"{path} = {leaf!r}", changed(document, path, leaf)
        yield f"{path} left out", without(document, path)


def state_of(content: bytes, world: Any) -> str:
    trust = world.trust(keys=[world.trusted(), world.trusted(world.stranger)])
    try:
        return check(open_envelope(content), trust, now=world.now).state
    except VerificationError as error:
        return error.facts["state"]


@pytest.fixture
def envelope(world: Any, claim: Claim) -> dict[str, Any]:
    """Signed by two trusted keys, so that a fault at one signature has a good one beside it."""
    files = {"adapter/weights": "sha256:" + "0" * 64, "ränge.json": "sha256:" + "1" * 64}
    content = sign_together(statement_of(claim, files), [world.key, world.stranger])
    assert state_of(content, world) == "valid"
    return json.loads(content)


def test_every_leaf_of_the_envelope(world: Any, envelope: dict[str, Any]) -> None:
    tried = 0
    for told, mutant in mutants(envelope):
        if told.endswith(("'keyid') left out", "'keyid') = None")):
            continue  # a hint that is not given: nothing was changed that anybody signed
        assert state_of(json.dumps(mutant).encode(), world) != "valid", told
        tried += 1
    assert tried > 25


def test_every_leaf_of_the_payload(world: Any, envelope: dict[str, Any]) -> None:
    statement = json.loads(base64.b64decode(envelope["payload"]))
    tried = 0
    for told, mutant in mutants(statement):
        for content in (canonical_bytes(mutant), json.dumps(mutant).encode()):
            payload = base64.b64encode(content).decode()
            sealed = json.dumps({**envelope, "payload": payload}).encode()
            assert state_of(sealed, world) in ("bad-signature", "malformed"), told
        tried += 1
    assert tried > 150


def test_every_byte_of_the_payload(world: Any, envelope: dict[str, Any]) -> None:
    content = bytearray(base64.b64decode(envelope["payload"]))
    for place in range(0, len(content), 7):
        content[place] ^= 1
        payload = base64.b64encode(bytes(content)).decode()
        assert state_of(json.dumps({**envelope, "payload": payload}).encode(), world) != "valid"
        content[place] ^= 1
