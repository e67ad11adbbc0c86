"""What a check of something signed can come to, one word each, and the exit status of each."""

from __future__ import annotations

from typing import Literal

State = Literal[
    "valid",
    "stale-trust",
    "unknown-key",
    "revoked",
    "bad-signature",
    "digest-mismatch",
    "malformed",
    "schema-invalid",
    "verdict-mismatch",
    "superseded",
    "retracted",
]
EXIT_STATUS: dict[State, int] = {
    "valid": 0,
    "stale-trust": 10,
    "unknown-key": 11,
    "revoked": 12,
    "bad-signature": 13,
    "digest-mismatch": 14,
    "malformed": 15,
    "schema-invalid": 16,
    "verdict-mismatch": 17,
    "superseded": 18,
    "retracted": 19,
}
"""Of `verilora verify`; 1 and 2 stay what they are for every command."""
