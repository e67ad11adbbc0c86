"""Where trust files are changed: the next version is made, signed by its roots, and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Desk:
    """Where a trust file is changed: the file, the folder of keys, and the roots that sign."""

    file: Path
    folder: Path
    roots: Sequence[Any]

    def next_version(self, days: int) -> Any:
        """What the file says, as its next version; the first one where there is no file."""
        from datetime import UTC, datetime

        from verilora.claims.amend import begin, renew
        from verilora.claims.trust import load_trust

        now = datetime.now(UTC)
        if not self.file.exists():
            return begin(self.roots[0].public, now=now, days=days)
        return renew(load_trust(self.file), now=now, days=days)

    def public(self, wanted: str) -> Any:
        """A public key: that of an own key, or of a .jwk.json file."""
        from verilora.claims.keys import PRIVATE, PUBLIC, find_key, read_public

        path = Path(wanted)
        if not (wanted.endswith(PUBLIC) and path.is_file()):
            private = find_key(wanted, self.folder)
            path = private.with_name(private.name.removesuffix(PRIVATE) + PUBLIC)
        return read_public(path.read_bytes(), name=str(path))

    def write(self, made: Any) -> None:
        """Signs the version and puts it in the file's place."""
        from verilora.atomic import write_whole
        from verilora.claims.memory import refuse_older, remember
        from verilora.claims.trust import read_trust, seal_trust

        content = seal_trust(made, self.roots)
        found = read_trust(content)
        # What the next reader would refuse is not written, and what is not written not remembered:
        # else a full disk would leave the file older than what was seen of it.
        refuse_older(found.trust, found.opened, name=str(self.file))
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, content + b"\n")
        remember(found.trust, found.opened, name=str(self.file))
