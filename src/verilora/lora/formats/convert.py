"""convert: from one format into another, proved by reading again what was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verilora.atomic import refuse_occupied, staged_directory, write_whole
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.dialect import Given
from verilora.lora.formats.dialects import dialect, dialect_of
from verilora.lora.formats.fold import counted
from verilora.lora.formats.peft.neutral import is_peft
from verilora.lora.formats.proof import Proof, prove


@dataclass(frozen=True)
class Conversion:
    """What was read, what was written, and the proof that both are the same adapter."""

    source: str
    """Format and its version."""
    target: str
    directory: Path
    files: tuple[str, ...]
    modules: int
    proof: Proof
    notes: tuple[str, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {
            "source": self.source,
            "target": self.target,
            "directory": str(self.directory),
            "files": list(self.files),
            "modules": self.modules,
            "proof": self.proof.to_mapping(),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        lines = [f"{self.source} -> {self.target}: {counted(self.modules)}, {self.proof}"]
        lines += [f"  {self.directory / name}" for name in self.files]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def convert(
    adapter: Path, to: str, *, out: Path, given: Given | None = None, form: str | None = None
) -> Conversion:
    """Writes the adapter in the format `to` as the new directory `out`; reads it again; compares.

    Every ΔW must be equal to the bit, or within the bound of the one rounding that the notes tell
    of; every other tensor equal to the bit. Else AdapterFileError, and nothing is left behind.
    `given` is what the files lack; `form` names their format where it does not follow from names.
    Raises AdapterFileError for what cannot be read or held, OutputError if `out` is occupied.
    """
    refuse_occupied(out, way="")
    given = given or Given()
    inner = adapter / "adapter"
    path = inner if adapter.is_dir() and is_peft(inner) else adapter
    source = dialect(form) if form else dialect_of(path)
    target = dialect(to)
    before = source.read(path, given)
    written = target.write(before, Given(architecture=given.architecture, uniform=given.uniform))
    with staged_directory(out) as stage:
        for name, content in written.files.items():
            write_whole(stage / name, content)
        proof = prove(before, target.read(stage, written.given))
    return Conversion(
        source=source.source,
        target=target.source,
        directory=out,
        files=tuple(written.files),
        modules=len(before.pairs),
        proof=proof,
        notes=tuple(dict.fromkeys([*before.notes, *written.notes, *_about_heads(before, given)])),
    )


def _about_heads(adapter: Adapter, given: Given) -> Iterator[str]:
    """What a loader has to know of a classification head."""
    rows = [v.shape[0] for name, v in adapter.whole.items() if _is_last_of_head(name)]
    if not rows:
        return
    labels = given.architecture.labels if given.architecture else None
    if labels is not None and labels != rows[-1]:
        yield (
            f"the head has {rows[-1]} labels and the model's config {labels}: load the base with "
            f"num_labels={rows[-1]}, or the head does not fit"
        )
    else:
        yield f"the head has {rows[-1]} labels: load the base with num_labels={rows[-1]}"


def _is_last_of_head(name: str) -> bool:
    parts = name.split(".")
    return parts[0] in ("classifier", "score", "classification_head") and parts[-1] == "weight"
