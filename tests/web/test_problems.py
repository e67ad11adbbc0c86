"""Faults as problem+json."""

from __future__ import annotations

import json

from verilora.web.problems import Problem, ProblemBody, missing


def test_a_problem_says_what_and_what_to_do() -> None:
    told = json.loads(Problem(422, "No.", faults=["a", "b"]).content())
    assert told == {
        "type": "about:blank",
        "title": Problem(422, "").title,
        "status": 422,
        "detail": "No.",
        "faults": ["a", "b"],
    }
    assert ProblemBody.model_validate(told).faults == ("a", "b")
    assert "faults" not in json.loads(missing("page", "Look elsewhere.").content())
    assert missing("page", "Look elsewhere.").detail == "There is no page here. Look elsewhere."
