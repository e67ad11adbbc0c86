"""Where keys, the trust file and what was seen of it lie on this machine (XDG's folders)."""

from __future__ import annotations

import os
from pathlib import Path

TRUST_FILE = "trust.dsse.json"


def key_folder() -> Path:
    """Of private keys: $XDG_CONFIG_HOME/verilora/keys."""
    return _config() / "keys"


def trust_path() -> Path:
    """Of the trust file that holds where none is named: $XDG_CONFIG_HOME/verilora."""
    return _config() / TRUST_FILE


def memory_folder() -> Path:
    """Of the versions of trust files that were seen: $XDG_STATE_HOME/verilora/trust."""
    return _folder("XDG_STATE_HOME", ".local/state") / "trust"


def _config() -> Path:
    return _folder("XDG_CONFIG_HOME", ".config")


def _folder(variable: str, otherwise: str) -> Path:
    # XDG's rule: a path that is not absolute counts as none.
    given = os.environ.get(variable, "")
    home = Path(given) if Path(given).is_absolute() else Path.home() / otherwise
    return home / "verilora"
