"""A verdict document that somebody sends, held against the rules: what `verilora judge` says of it.

Nothing of it is kept. The paper's text is not at hand here, so the textual rules are not checked.
"""

from __future__ import annotations

from typing import Any

from verilora.errors import DataError
from verilora.records.canonical import canonical_bytes
from verilora.records.verdict import read_document
from verilora.verdict.judge import judge, verdict_of
from verilora.web import shapes
from verilora.web.problems import Problem


def validate_document(content: bytes) -> bytes:
    """The judgement on the document in these bytes.

    Raises Problem 422, with every fault, for what is no verdict document, holds no verdict, or has
    numbers that cannot be weighed.
    """
    try:
        document = read_document(content, name="the document")
        if verdict_of(document) is None:
            raise Problem(422, "The document holds no verdict; the key 'verdict' is wanted.")
        found = judge(document)
    except DataError as error:
        faults = error.facts.get("faults", ())
        raise Problem(422, str(error), faults=faults) from error
    told: dict[str, Any] = {"apiVersion": shapes.API_VERSION, "mayOnly": "lower"}
    return canonical_bytes(told | {"judgement": found.to_mapping()})
