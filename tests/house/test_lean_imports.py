"""What a task does not need is not imported: seen in `sys.modules` of a fresh Python.

`verilora.lora` runs wherever torch runs; `--help` answers at once; a page is made without torch.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

ARCHIVE = ("torch", "transformers", "peft", "datasets", "accelerate", "safetensors")
DOOR = (*ARCHIVE, "numpy", "scipy", "sklearn", "matplotlib", "pandas", "pyarrow", "jinja2")
WORKSHOP = (
    *("transformers", "peft", "accelerate", "datasets", "pydantic", "rfc8785", "pyarrow"),
    *("scipy", "sklearn", "matplotlib", "pandas", "typer", "rich", "huggingface_hub", "tomli_w"),
)
ATTACH = """
import sys, torch
from pathlib import Path
from verilora.lora import *
from verilora import combine, convert
from verilora.lora.formats import load_adapter, save_adapter
from verilora.records.adapter import LoraConfig

def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Embedding(3, 4))

model = attach(build(), LoraConfig(rank=2, target_modules=["0"], modules_to_save=["1"]))
list(adapter_parameters(model))
str(explain(model))
merge(model)
unmerge(model)
save_adapter(model, Path(sys.argv[1]) / "adapter")
load_adapter(build(), Path(sys.argv[1]) / "adapter")
convert(Path(sys.argv[1]) / "adapter", "peft", out=Path(sys.argv[1]) / "converted")
combine([Path(sys.argv[1]) / "converted"], [0.5], Path(sys.argv[1]) / "half")
detach(model)
"""
HELP = """
import contextlib, io, typer
from verilora.cli.main import app, main

def walk(command, path):
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, [*path, name])

for path in walk(typer.main.get_command(app), []):
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        assert main([*path, "--help"]) == 0, path
    assert told.getvalue(), path
"""
VERIFY = """
import os, sys
from pathlib import Path
from verilora.cli.main import main

folder = Path(sys.argv[1])
os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(folder)
for name in ("root", "default"):
    assert main(["keys", "new", "--name", name]) == 0
assert main(["keys", "trust", "default", "--root", "root"]) == 0
(folder / "notice.json").write_text(
    '{"format": "verilora.notice/1", "kind": "dispute", "about": "sha256:' + "0" * 64
    + '", "reason": "no", "made_at": "2026-01-01T00:00:00Z"}'
)
assert main(["sign", str(folder / "notice.json")]) == 0
assert main(["verify", str(folder / "notice.dsse.json")]) == 0
"""
CASES = {
    "the whole life of an adapter": (ATTACH, WORKSHOP),
    "every --help": (HELP, DOOR),
    "--version": ("from verilora.cli.main import main; main(['--version'])", DOOR),
    "pictures and pages": ("import verilora.charts, verilora.report", ARCHIVE),
    "numbers of a signed record computed again": (
        "import verilora.cli.levels, verilora.claims.issue, verilora.claims.verify\n"
        "import verilora.reproduce.recompute",
        (*ARCHIVE, "matplotlib", "sqlalchemy"),
    ),
    "a reproduction checked": ("import verilora.reproduce.recompute", ARCHIVE),
    "keys, sign and verify": (VERIFY, DOOR),
    "claims written and cited": (
        "import verilora.claims.family, verilora.claims.cite, verilora.claims.related",
        (*ARCHIVE, "matplotlib", "pandas", "pyarrow"),
    ),
    "the rules of claims": (
        "import verilora.claims.rubric, verilora.claims.cite, verilora.claims.related",
        (*ARCHIVE, "numpy", "scipy", "matplotlib"),
    ),
    "recipes": ("import verilora.recipes.catalog", ARCHIVE),
    "records": (
        "import verilora.records.run, verilora.records.recipe, verilora.records.events",
        (*ARCHIVE, "numpy", "matplotlib"),
    ),
}


def imported(code: str, names: tuple[str, ...], *arguments: str) -> list[str]:
    """Which of the packages a fresh Python has imported after `code`."""
    tail = f"\nimport sys; print('loaded', [n for n in {names!r} if n in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code + tail, *arguments], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, f"{told.stdout}\n{told.stderr}"
    last = told.stdout.strip().splitlines()[-1]
    return [name for name in names if repr(name) in last]


@pytest.mark.parametrize("case", CASES)
def test_imports_no_more_than_it_needs(case: str, tmp_path: object) -> None:
    code, names = CASES[case]
    found = imported(code, names, str(tmp_path))
    assert not found, (
        f"{case} imports {', '.join(found)}; find out through whom with "
        "`python -X importtime`, and import it where it is used (in cli: inside the function)"
    )


def test_the_measurement_sees_what_is_imported() -> None:
    assert imported("import verilora.records.record", WORKSHOP) == ["pydantic", "rfc8785"]
