"""The door of a registry that holds signatures against a trust file."""

from __future__ import annotations

from datetime import datetime

from verilora.claims.envelope import Opened
from verilora.claims.standing import check
from verilora.records.trust import Trust
from verilora.registry.incoming import Door


def door_of(trust: Trust, *, require_trust: bool = False) -> Door:
    """What comes in gets its state under the trust file; with `require_trust` only what is valid
    comes in."""

    def judge(opened: Opened, *, now: datetime) -> tuple[str, tuple[str, ...], str]:
        checked = check(opened, trust, now=now)
        return checked.state, checked.key_ids or checked.signers, checked.sentence

    return Door(judge, require_trust)
