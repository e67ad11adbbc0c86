"""Anchors: known results that are measured again, to show that the machinery is healthy.

`anchors.json` (`verilora.anchors/1`) holds the latest result of each; a verdict takes their states
(gate EV-007).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from verilora.records.given import Digest, Number, Text
from verilora.records.reading import read_record
from verilora.records.record import Record

FORMAT = "verilora.anchors/1"
ANYWHERE = "anywhere"
State = Literal["healthy", "drift", "no data"]
Unit = Literal["percent", "digest"]
Name = Annotated[Text, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Found = Digest | Number
"""A digest, where every bit counts, or a number."""


class Expectation(Record):
    """What comes out under given circumstances, and how far from it is still healthy."""

    where: Text
    """What the value holds for: a platform, a digest of the data, or "anywhere"."""
    value: Found
    tolerance: Annotated[Number, Field(ge=0)] | None = None
    """In the anchor's unit; a digest has none."""
    source: Text
    """Where the value comes from, and why the tolerance is what it is."""


class Anchor(Record):
    """One known configuration."""

    name: Name
    title: Text
    measured: Text
    """What is measured, in words."""
    unit: Unit
    expectations: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _of_one_kind(self) -> Anchor:
        digests = self.unit == "digest"
        for item in self.expectations:
            if isinstance(item.value, str) != digests or (item.tolerance is None) != digests:
                wanted = "a digest and no tolerance" if digests else "a number and a tolerance"
                raise ValueError(f"{self.name}, {item.where}: {wanted} are wanted")
        places = [item.where for item in self.expectations]
        if len(set(places)) < len(places):
            raise ValueError(f"{self.name}: two expectations are for the same place")
        return self

    def expected(self, where: str) -> Expectation | None:
        """What is expected there: by that very name, else anywhere; None if nothing is known."""
        known = {item.where: item for item in self.expectations}
        return known.get(where) or known.get(ANYWHERE)


class AnchorResult(Record):
    """An anchor's latest result."""

    name: Name
    title: Text
    measured: Text
    unit: Unit
    where: Text | None
    """The circumstances of this result, as expectations name them; None without data."""
    latest: Found | None
    expected: Found | None
    tolerance: Annotated[Number, Field(ge=0)] | None
    source: Text | None
    """Where the expectation comes from."""
    state: State
    detail: Text
    """One sentence: what was found, or why there is no data and what to do."""
    seconds: Annotated[Number, Field(ge=0)] | None
    environment: dict[str, Text]
    computed_at: Text

    @model_validator(mode="after")
    def _judged_on_something(self) -> AnchorResult:
        if self.state == "healthy" and (self.latest is None or self.expected is None):
            raise ValueError(f"{self.name} is healthy without a latest and an expected value")
        if self.state == "healthy" and not self._is_within():
            raise ValueError(
                f"{self.name} is called healthy, and {self.latest} is not {self.expected} within "
                f"{self.tolerance or 0:g}"
            )
        return self

    def _is_within(self) -> bool:
        assert self.latest is not None and self.expected is not None
        return is_within(self.latest, self.expected, tolerance=self.tolerance)


class AnchorReport(Record):
    """The latest result of each anchor."""

    format: Literal["verilora.anchors/1"] = FORMAT
    results: tuple[AnchorResult, ...] = ()

    @model_validator(mode="after")
    def _once_each(self) -> AnchorReport:
        names = [result.name for result in self.results]
        if len(set(names)) < len(names):
            raise ValueError("an anchor has two results; the latest of each is wanted")
        return self

    def states(self) -> dict[str, str]:
        """Name -> state, as the verdict's gate EV-007 takes them."""
        return {result.name: result.state for result in self.results}

    def with_result(self, result: AnchorResult) -> AnchorReport:
        """The report with this result in place of an older one of the same anchor."""
        if result.name not in self.states():
            return self.replace(results=(*self.results, result))
        changed = (result if old.name == result.name else old for old in self.results)
        return self.replace(results=tuple(changed))


def is_within(latest: Found, expected: Found, *, tolerance: float | None) -> bool:
    """Whether a value is as expected: a digest to the bit, a number within its tolerance."""
    if isinstance(latest, str) or isinstance(expected, str):
        return latest == expected
    # Of numbers printed to two digits, not of their last bits.
    return round(abs(latest - expected), 6) <= (tolerance or 0.0)


def read_report(content: bytes, *, name: str = "anchors.json") -> AnchorReport:
    """The report in the bytes of an anchors.json. Raises DataError with every fault."""
    return read_record(AnchorReport, content, name=name)
