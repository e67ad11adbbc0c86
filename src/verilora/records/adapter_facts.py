"""AdapterFacts: what is signed about an adapter directory, beside the digests of its files.

Small where verilora.json is long (a line for each tensor of the base): that file is one of the
subjects, so its digest speaks for the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from verilora.errors import ConfigError
from verilora.records.adapter import LoraConfig
from verilora.records.given import Digest, Flag, Text
from verilora.records.record import Record

FORMAT = "verilora.adapter-facts/1"


class BaseFacts(Record):
    """The base that the adapter was made on; `tensors` is the digest over all of its tensors."""

    name: Text | None = None
    class_name: Text
    tensors: Digest


class AdapterFacts(Record):
    """What the adapter is and was made on."""

    format: Literal["verilora.adapter-facts/1"] = FORMAT
    config: Annotated[dict[str, Any], Field(min_length=1)]
    """Every field of the LoraConfig."""
    base: BaseFacts
    trained: Flag
    """False if every update is zero."""

    @model_validator(mode="after")
    def _a_config(self) -> AdapterFacts:
        try:
            whole = LoraConfig.from_mapping(self.config).to_mapping()
        except (ConfigError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(f"config: {error}") from error
        if whole != self.config:
            raise ValueError("config: every field of the LoraConfig is wanted, in its one form")
        return self
