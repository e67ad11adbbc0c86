"""A target can be run, or says why not; one that can carries its accounts whole."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from verilora.records.target import Account, Target

RECIPE = {"name": "a", "model": {"id": "some/base"}, "task": {"name": "mrpc"}}


def given(**changes: Any) -> dict[str, Any]:
    return {
        "name": "paper/table1/row/column",
        "paper": {"arxiv_id": "0000.00000"},
        "citation": {"section": "Table 1"},
        "reported": {"value": 89.7, "unit": "percent"},
        "metric": "accuracy",
        "bases": ("some/base",),
        **changes,
    }


def test_a_target_without_accounts_says_why() -> None:
    assert Target.model_validate(given(missing="no decoder yet")).missing == "no decoder yet"
    with pytest.raises(ValidationError, match="says what is missing"):
        Target.model_validate(given())


def test_a_target_with_an_account_is_not_missing() -> None:
    account = Account.model_validate({"source": "table 9", "recipe": RECIPE})
    target = Target.model_validate(given(accounts={"paper": account}))
    assert target.accounts["paper"].recipe.task.name == "mrpc"
    with pytest.raises(ValidationError, match="says what is missing"):
        Target.model_validate(given(accounts={"paper": account}, missing="nothing"))


@pytest.mark.parametrize("name", ["table1/row/column", "p/../row/column", "a/b/c/d/e", ""])
def test_a_name_has_four_parts(name: str) -> None:
    with pytest.raises(ValidationError):
        Target.model_validate(given(name=name, missing="x"))
