"""Where trust files are changed: the next version is made, signed by its root, and written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Desk:
    """Where a trust file is changed: the file, the folder of keys, and the root that signs."""

    file: Path
    folder: Path
    root: Any

    def next_version(self, days: int) -> Any:
        """What the file says, as its next version; the first one where there is no file."""
        from datetime import UTC, datetime

        from verilora.claims.amend import begin, renew
        from verilora.claims.trust import load_trust

        now = datetime.now(UTC)
        if not self.file.exists():
            return begin(self.root.public, now=now, days=days)
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
        from verilora.claims.trust import read_trust, remember, seal_trust

        content = seal_trust(made, [self.root])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # Remembered first: what the next reader would refuse is not written.
        remember(read_trust(content), name=str(self.file))
        write_whole(self.file, content + b"\n")
