from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from verilora.records.envelope import PREDICATES
from verilora.records.trust import (
    ROLES,
    PublicKey,
    Trust,
    decode_public,
    encode_public,
    instant,
    thumbprint,
)

# RFC 8037, appendix A.2 and A.3.
X, ID = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
KEY: dict[str, Any] = {"id": ID, "x": X, "name": "of the standard"}
SIGNER = {**KEY, "roles": ["claim"], "valid_from": "2026-01-01T00:00:00Z"}
TRUST: dict[str, Any] = {
    "origin": ID,
    "version": 1,
    "issued_at": "2026-01-01T00:00:00Z",
    "expires_at": "2027-01-01T00:00:00Z",
    "roots": [KEY],
    "trusted": [SIGNER],
}


def test_an_id_is_the_standards_thumbprint() -> None:
    assert thumbprint(X) == ID
    assert encode_public(decode_public(X)) == X
    assert len(decode_public(X)) == 32


def test_a_trust_file_comes_back_from_its_bytes() -> None:
    trust = Trust.model_validate(TRUST)
    assert Trust.model_validate_json(trust.canonical()) == trust
    found = trust.find(ID)
    assert found is not None and found.roles == ("claim",)
    assert trust.find("A" * 43) is None


def test_a_file_that_wants_one_signature_has_the_bytes_that_it_always_had() -> None:
    trust = Trust.model_validate(TRUST)
    assert trust.wanted("claim") == 1
    assert b"threshold" not in trust.canonical()
    assert Trust.model_validate({**TRUST, "threshold": {}}).canonical() == trust.canonical()
    # Printed by the version before there was a threshold.
    assert trust.digest == "sha256:a045c78a2c9bff72d3d7df30ef424036b241177266fb46aad9c34560822a988d"


def test_a_threshold_comes_back() -> None:
    x = encode_public(bytes(range(32)))
    other = {**SIGNER, "id": thumbprint(x), "x": x}
    given = {**TRUST, "trusted": [SIGNER, other], "threshold": {"claim": 2}}
    trust = Trust.model_validate(given)
    assert (trust.wanted("claim"), trust.wanted("run")) == (2, 1)
    assert Trust.model_validate_json(trust.canonical()) == trust
    assert trust.to_mapping()["threshold"] == {"claim": 2}


def test_moments_are_compared_as_times() -> None:
    assert instant("2026-01-01T00:00:00.5Z") > instant("2026-01-01T00:00:00Z")
    half = {"issued_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T00:00:00.5Z"}
    assert Trust.model_validate({**TRUST, **half}).version == 1


def test_roles_are_the_kinds_of_records_and_the_trust_file_is_for_roots() -> None:
    assert {*ROLES, "trust"} == set(PREDICATES)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "A" * 43},
        {"x": X[:-1] + "p"},  # the same 32 bytes, in a second form
        {"x": X + "="},
        {"x": base64.b64encode(decode_public(X)).decode()},
        {"name": ""},
    ],
)
def test_a_key_that_is_not_its_ids_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PublicKey.model_validate({**KEY, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"roots": []},
        {"roots": [KEY, KEY]},
        {"trusted": [SIGNER, SIGNER]},
        {"trusted": [{**SIGNER, "roles": []}]},
        {"trusted": [{**SIGNER, "roles": ["root"]}]},
        {"trusted": [{**SIGNER, "roles": ["claim", "claim"]}]},
        {"trusted": [{**SIGNER, "valid_until": "2025-01-01T00:00:00Z"}]},
        {"trusted": [{**SIGNER, "revoked": {"at": "2026-02-01T00:00:00Z", "reason": ""}}]},
        {"expires_at": "2026-01-01T00:00:00Z"},
        {"expires_at": "for ever"},
        {"origin": "A" * 43},
        {"threshold": {"claim": 2}},
        {"threshold": {"claim": 1}},
        {"threshold": {"claim": 17}},
        {"threshold": {"claim": True}},
        {"threshold": {"root": 2}},
        {"expires_at": "2027-02-30T00:00:00Z"},
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Trust.model_validate({**TRUST, **changes})
