from __future__ import annotations

import pytest
from pydantic import ValidationError

from verilora.records.together import Together

FIRST, SECOND = f"sha256:{'0' * 64}", f"sha256:{'1' * 64}"


def test_its_digest_fixes_every_one_of_them() -> None:
    both = Together(digests=(FIRST, SECOND))
    assert both.digest != Together(digests=(FIRST, f"sha256:{'2' * 64}")).digest
    assert Together.model_validate(both.to_mapping()) == both


@pytest.mark.parametrize("digests", [(FIRST,), (), ("0" * 64, SECOND)])
def test_it_is_of_two_digests_at_least(digests: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        Together(digests=digests)
