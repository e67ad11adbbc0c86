"""How the command is reached from the shell that it was typed in."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

NAME = "verilora"


def program() -> str:
    """ "verilora" where the shell finds this one by that name; else the path it was started by.

    `make demo` starts .venv/bin/verilora, which is in nobody's PATH: lines that are printed to be
    typed begin with what works.
    """
    typed = Path(sys.argv[0])
    found = shutil.which(NAME)
    if typed.name != NAME or not typed.is_file() or (found and Path(found).samefile(typed)):
        return NAME
    return shlex.quote(str(typed))
