"""The face: every public name listed, sorted, importable, and loaded only when it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import verilora
from verilora.errors import VeriloraError

PROMISED = {
    "AdapterBank",
    *("LoraConfig", "adapter_parameters", "attach", "detach", "explain"),
    *(
        "combine",
        "convert",
        "load_adapter",
        "merge",
        "save_adapter",
        "unmerge",
        "verify",
        "VeriloraError",
    ),
}
HEAVY = ("torch", "transformers", "pydantic", "numpy")


def loaded(code: str) -> list[str]:
    """Which heavy packages a fresh Python has imported after `code`."""
    tail = f"\nimport sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True
    )
    return [name for name in HEAVY if repr(name) in told.stdout]


def test_names_are_listed_and_sorted() -> None:
    assert verilora.__all__ == sorted(set(verilora.__all__))
    assert dir(verilora) == verilora.__all__
    missing = PROMISED - set(verilora.__all__)
    assert not missing, f"src/verilora/__init__.py: list {sorted(missing)} in _HOMES"


@pytest.mark.parametrize("name", verilora.__all__)
def test_a_name_is_there_and_comes_from_where_it_is_said(name: str) -> None:
    value = getattr(verilora, name)
    home = verilora._HOMES.get(name)
    if home is not None:
        assert getattr(importlib.import_module(home), name) is value
        assert value.__doc__, f"{home}.{name} needs a docstring"


def test_a_star_import_brings_exactly_the_names() -> None:
    space: dict[str, object] = {}
    exec("from verilora import *", space)
    assert set(space) - {"__builtins__"} == set(verilora.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"'verilora' has no attribute 'atach'"):
        verilora.atach  # noqa: B018


def test_version_is_that_of_the_package() -> None:
    assert importlib.import_module("importlib.metadata").version("verilora") == verilora.__version__


@pytest.mark.parametrize(
    "code",
    [
        "import verilora",
        "import verilora.errors",
        "import verilora.records.adapter",
        "import verilora; verilora.LoraConfig(rank=4); verilora.VeriloraError",
        "import verilora; dir(verilora); verilora.__version__",
    ],
)
def test_light_names_load_nothing_heavy(code: str) -> None:
    assert loaded(code) == []


def test_the_measurement_sees_what_is_loaded() -> None:
    assert loaded("import verilora.records.record") == ["pydantic"]


def test_one_root_for_all_errors() -> None:
    assert verilora.VeriloraError is VeriloraError
