"""The common ground of the pydantic records: closed, frozen, with one byte form."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from verilora.records.canonical import canonical_bytes, digest_bytes


class Record(BaseModel):
    """A frozen noun. Unknown keys are refused; numbers that are not finite are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True
    )

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return self.model_dump(mode="json")

    def canonical(self) -> bytes:
        """RFC 8785 bytes."""
        return canonical_bytes(self.to_mapping())

    @property
    def digest(self) -> str:
        """`sha256:<64 hex>` of the canonical bytes: the record's identity."""
        return digest_bytes(self.canonical())

    def replace(self, **changes: Any) -> Self:
        """The same record with some fields changed, checked again."""
        return type(self).model_validate({**dict(self), **changes})


class Growing(Record):
    """A record whose format got fields after its first form.

    Such a field is in `LATER`, has a default that never changes, and is left out of the bytes while
    it has it: what was written, digested and signed before the field came keeps its digest.
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_defaults(self, form: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        usual = {name for name in self.LATER if getattr(self, name) == fields[name].default}
        return {name: value for name, value in form(self).items() if name not in usual}
