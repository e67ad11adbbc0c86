"""Whatever the bytes are, the answer is a state, and nothing else is raised."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.claims.amend import begin, with_key
from verilora.claims.envelope import encode_message, open_envelope, sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.claims.standing import check
from verilora.claims.states import EXIT_STATUS
from verilora.errors import VerificationError
from verilora.records.canonical import canonical_bytes
from verilora.records.envelope import PAYLOAD_TYPE, PREDICATES, STATEMENT_TYPE
from verilora.records.notice import Notice
from verilora.records.trust import ROLES, TrustedKey

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = make_key()
TRUST = with_key(begin(KEY.public, now=NOW), TrustedKey(**KEY.public.to_mapping(), roles=ROLES))
NOTICE = Notice(
    kind="dispute", about="sha256:" + "0" * 64, reason="no", made_at="2026-01-01T00:00:00Z"
)
GOOD = sign(statement_of(NOTICE), KEY)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["kind", "about"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


def state_of(content: bytes) -> str:
    try:
        return check(open_envelope(content), TRUST, now=NOW).state
    except VerificationError as error:
        return error.facts["state"]


def test_the_good_one_is_valid() -> None:
    assert state_of(GOOD) == "valid"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    assert state_of(content) == "malformed"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=0, max_size=3))
def test_any_bytes_in_place_of_one(place: int, content: bytes) -> None:
    changed = GOOD[:place] + content + GOOD[place + 1 :]
    told = state_of(changed)
    assert told in EXIT_STATUS
    assert told != "valid" or json.loads(changed) == json.loads(GOOD)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_any_data_as_an_envelope(value: Any) -> None:
    for data in (value, {**json.loads(GOOD), "signatures": value}):
        assert state_of(json.dumps(data).encode()) == "malformed"


@settings(max_examples=200, deadline=None)
@given(VALUES, st.sampled_from(sorted(PREDICATES)))
def test_any_data_that_a_trusted_key_signed(value: Any, kind: str) -> None:
    predicate = value if isinstance(value, dict) else {"reason": value}
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "a", "digest": {"sha256": "0" * 64}}],
        "predicateType": PREDICATES[kind],
        "predicate": predicate,
    }
    try:
        payload = canonical_bytes(statement)
    except ValueError:
        payload = json.dumps(statement).encode()
    sealed = KEY.sign(encode_message(PAYLOAD_TYPE, payload))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": KEY.id, "sig": base64.b64encode(sealed).decode()}],
    }
    told = state_of(json.dumps(envelope).encode())
    # A verdict document may be empty, as another service's may lack any key.
    assert told in ("malformed", "schema-invalid") or (kind, predicate) == ("verdict", {})


@pytest.mark.parametrize("length", [262_144, 262_145, 10_000_000])
def test_what_is_too_long_is_not_read(length: int) -> None:
    assert state_of(GOOD + b" " * (length - len(GOOD))) == (
        "valid" if length <= 262_144 else "malformed"
    )
