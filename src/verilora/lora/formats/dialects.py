"""Every format by its name, and which one a path is in."""

from __future__ import annotations

from pathlib import Path

from verilora.errors import AdapterFileError, ConfigError, nearest
from verilora.lora.formats.adapter import Adapter
from verilora.lora.formats.dialect import Dialect, Given, Written
from verilora.lora.formats.fold import one_rank, one_scale
from verilora.lora.formats.litgpt import LITGPT
from verilora.lora.formats.loralib import LORALIB
from verilora.lora.formats.mlx import MLX
from verilora.lora.formats.peft.neutral import is_peft, read_peft
from verilora.lora.formats.peft.neutral_write import write_peft
from verilora.lora.formats.torchtune import TORCHTUNE


def _read(path: Path, given: Given) -> Adapter:
    adapter = read_peft(path)
    ranks = sorted({pair.rank for pair in adapter.pairs.values()})
    if given.rank is not None and ranks != [given.rank]:
        raise AdapterFileError(
            f"{path} has the ranks {ranks}, and {given.rank} was given", faults=(), path=path
        )
    return adapter


def _write(adapter: Adapter, given: Given) -> Written:
    if not given.uniform:
        return Written(write_peft(adapter), Given())
    made, _ = one_rank(one_scale(adapter)[0])
    new = tuple(note for note in made.notes if note not in adapter.notes)
    return Written(write_peft(made), Given(), new)


PEFT = Dialect("peft", "peft 0.21.2", is_peft, _read, _write)
# In the order in which a path is asked: the plainest names last.
DIALECTS = {one.name: one for one in (PEFT, MLX, LITGPT, TORCHTUNE, LORALIB)}


def dialect(name: str) -> Dialect:
    """The format of this name. Raises ConfigError with the nearest ones."""
    if name not in DIALECTS:
        near = nearest(name, DIALECTS) or f"; there are {', '.join(DIALECTS)}"
        raise ConfigError("convert", [f"'{name}' is no format{near}"])
    return DIALECTS[name]


def dialect_of(path: Path) -> Dialect:
    """The format that the files at `path` are in. Raises AdapterFileError if in none."""
    found = next((one for one in DIALECTS.values() if one.recognises(path)), None)
    if found is not None:
        return found
    there = sorted(item.name for item in path.iterdir())[:5] if path.is_dir() else []
    kind = f"found: {', '.join(there)}" if there else "nothing is there"
    raise AdapterFileError(
        f"{path} holds no adapter in a form that is known ({kind}); {', '.join(DIALECTS)} are read",
        path=path,
        faults=(),
    )


def read_adapter(path: Path, given: Given | None = None, *, form: str | None = None) -> Adapter:
    """The adapter at `path`, in the format named or found; of a run's directory, its adapter.

    Raises AdapterFileError for what cannot be understood, with what is lacking.
    """
    inner = path / "adapter"
    place = inner if path.is_dir() and is_peft(inner) else path
    chosen = dialect(form) if form else dialect_of(place)
    return chosen.read(place, given or Given())
