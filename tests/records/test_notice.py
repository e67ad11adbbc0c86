"""A notice says what it is about and why; a supersession says what takes the place."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from verilora.records.notice import Notice

DIGEST = "sha256:" + "0" * 64
GIVEN = {
    "kind": "retraction",
    "about": DIGEST,
    "reason": "the data were not those named",
    "made_at": "2026-01-01T00:00:00Z",
}


def test_a_notice_comes_back_from_its_bytes() -> None:
    notice = Notice.model_validate(GIVEN)
    assert Notice.model_validate_json(notice.canonical()) == notice
    other = Notice.model_validate({**GIVEN, "kind": "supersession", "by": DIGEST})
    assert other.by == DIGEST


@pytest.mark.parametrize(
    "changes",
    [{"by": DIGEST}, {"kind": "supersession"}, {"reason": ""}, {"kind": "deletion"}],
)
def test_what_cannot_be_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Notice.model_validate({**GIVEN, **changes})
