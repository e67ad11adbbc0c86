"""Where words go: results to stdout, progress and notes to stderr; quiet and JSON where asked."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any


class Interrupted(Exception):  # noqa: N818 - not a fault: the user asked for it
    """Ctrl-C, with the sentence that says what is kept and how to go on."""


@dataclass
class Terminal:
    """What the user asked of the output of one command."""

    quiet: bool = False
    as_json: bool = False
    resume: str = ""
    """How to go on after Ctrl-C; a command sets it while there is something to keep."""

    def tell(self, *result: Any, mapping: Any) -> None:
        """Prints a result: text as it is and rich tables, or with --json the mapping as JSON."""
        if self.as_json:
            result = (json.dumps(mapping, indent=2, ensure_ascii=False, allow_nan=False),)
        for part in result:
            if isinstance(part, str):
                sys.stdout.write(part.rstrip("\n") + "\n")
            else:
                console().print(part)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Says something on the way, on stderr; nothing with --quiet."""
        if not self.quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    @property
    def draws(self) -> bool:
        """True if stderr is a terminal on which bars may move."""
        return not self.quiet and sys.stderr.isatty()


def console(*, stderr: bool = False) -> Any:
    """A rich console that colours nothing by itself and takes no text for markup."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
