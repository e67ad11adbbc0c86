"""Records that come out as they came in: a key that was left out stays out, null stays null.

So a document of another service is read, judged and handed on without a change. The scalars here
take no other type for their own: "89.7" is no number, and true is no 1.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field

from verilora.records.forms import LARGEST
from verilora.records.patterns import DIGEST
from verilora.records.record import Record
from verilora.records.strict_json import text_fault


def _shown(text: str) -> str:
    fault = text_fault(text)
    if fault:
        raise ValueError(f"the text {fault}")
    return text


Text = Annotated[str, Field(strict=True), AfterValidator(_shown)]
"""Text that people will be shown: NFC, nothing invisible."""
Number = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST)]
Positive = Annotated[Number, Field(gt=0)]
Whole = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Count = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
"""A probability: from 0 to 1."""
Flag = Annotated[bool, Field(strict=True)]
Digest = Annotated[str, Field(strict=True, pattern=DIGEST)]


class AsGiven(Record):
    """A record whose byte form holds the keys that were given, no more and no fewer.

    Two are equal if their byte forms are: a key left out is not the same as null.
    """

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data, the keys that were given alone."""
        return self.model_dump(mode="json", exclude_unset=True)

    def replace(self, **changes: Any) -> Self:
        """The same record with some fields changed, checked again; keys left out stay out."""
        kept = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self).model_validate({**kept, **changes})

    def says(self, field: str) -> bool:
        """True if the key was given at all, be it as null."""
        return field in self.model_fields_set

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.canonical() == other.canonical()  # type: ignore

    def __hash__(self) -> int:
        return hash(self.canonical())
