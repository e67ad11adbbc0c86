"""Digests: the published SHA-256 answers, the same for bytes, views and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from verilora.records.digests import digest_bytes, digest_file

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
MILLION = "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"


@pytest.mark.parametrize(
    ("content", "digest"), [(b"", EMPTY), (b"abc", ABC), (b"a" * 10**6, MILLION)]
)
def test_known_answers(content: bytes, digest: str, tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.
    path = tmp_path / "file"
    path.write_bytes(content)
    assert digest_bytes(content) == digest
    assert digest_bytes(memoryview(content)) == digest
    assert digest_file(path) == digest


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest_file(tmp_path / "absent")
