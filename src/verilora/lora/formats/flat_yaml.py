"""The plain top-level values of a YAML file: numbers, true and false, and text; nothing nested.

litgpt's hyperparameters.yaml is written by a program, with its switches as lines of their own. No
more of YAML is understood, and what lies deeper is passed over.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verilora.lora.formats.documents import DocumentError, read_file

LARGEST = 1 << 20
_LINE = re.compile(r"([A-Za-z_]\w*):[ \t]+(\S.*?)[ \t]*")
_WORDS = {"true": True, "false": False, "null": None, "~": None}


def read_flat(path: Path) -> dict[str, Any]:
    """Key -> value of each line `key: value` that is not indented.

    Raises DocumentError for what is no text, and for a key given twice.
    """
    try:
        text = read_file(path, limit=LARGEST).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is beside {path.name}, which is not UTF-8 text") from error
    found: dict[str, Any] = {}
    for line in text.splitlines():
        parts = _LINE.fullmatch(line)
        if parts is None:
            continue
        if parts[1] in found:
            raise DocumentError(f"is beside {path.name}, which gives '{parts[1]}' twice")
        found[parts[1]] = _value(parts[2])
    return found


def flat_bytes(values: Mapping[str, Any]) -> bytes:
    """One line for each value, in the order given; text in JSON's quotes, which are YAML's too."""
    lines = [f"{key}: {json.dumps(value, allow_nan=False)}" for key, value in values.items()]
    return ("\n".join(lines) + "\n").encode()


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        try:
            return json.loads(text)
        except ValueError:
            return text
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text
