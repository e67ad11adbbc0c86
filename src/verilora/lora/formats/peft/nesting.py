"""Module paths that a model does not have: mostly the same paths one level deeper or shallower."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from verilora.errors import nearest
from verilora.lora.formats.faults import few
from verilora.lora.formats.peft.names import PREFIX


def nesting_fault(unknown: Sequence[str], modules: Mapping[str, nn.Module]) -> str:
    """One sentence about the paths in a file that the model lacks, with the nearest it has."""
    paths = set(modules)
    first = unknown[0]
    if first.startswith(PREFIX):
        return f"the names start with '{PREFIX}' more than once: '{PREFIX}{first}'; once is wanted"
    extra = _extra_in_model(unknown, paths)
    if extra is not None:
        return (
            f"the file has '{first}', the model '{extra}{first}': the adapter was made on a part "
            f"of such a model; load it into the module '{extra.rstrip('.')}'"
        )
    lacking = _extra_in_file(unknown, paths)
    if lacking is not None:
        rest = first.removeprefix(lacking)
        return (
            f"the file has '{first}', the model '{rest}': the adapter was made on a model that "
            f"holds such a one as '{lacking.rstrip('.')}'; load it into that whole model"
        )
    return (
        f"the model has no {few(unknown)} (of {len(unknown)} modules in the file that it lacks)"
        f"{_near(first, paths)}"
    )


def prefix_fault(names: Iterable[str]) -> str | None:
    """One sentence about tensors whose names do not start as PEFT's do; None if all do."""
    foreign = [name for name in names if not name.startswith(PREFIX)]
    if not foreign:
        return None
    return (
        f"{len(foreign)} tensors do not start with '{PREFIX}' as in a PEFT directory: "
        f"{few(foreign)}; the file is of another format"
    )


def _extra_in_model(unknown: Sequence[str], paths: set[str]) -> str | None:
    first = unknown[0]
    for path in sorted(path for path in paths if path.endswith(f".{first}")):
        prefix = path.removesuffix(first)
        if all(prefix + other in paths for other in unknown):
            return prefix
    return None


def _extra_in_file(unknown: Sequence[str], paths: set[str]) -> str | None:
    parts = unknown[0].split(".")
    for count in range(1, len(parts)):
        prefix = ".".join(parts[:count]) + "."
        if all(name.startswith(prefix) and name[len(prefix) :] in paths for name in unknown):
            return prefix
    return None


def _near(first: str, paths: set[str]) -> str:
    # The same last name is nearer than any likeness of letters.
    last = first.rpartition(".")[2]
    alike = sorted(path for path in paths if path == last or path.endswith(f".{last}"))
    close = nearest(first, alike[:200] or sorted(paths)[:2000])
    return close or (f"; it has {few(alike)}" if alike else "")
