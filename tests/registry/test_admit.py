"""Many at a time: each entry is kept before it is told; a kill loses nothing that was told."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from verilora.errors import AdmissionError
from verilora.registry import Registry, open_registry

WRITER = """
import sys
from verilora.registry import open_registry

lines = open(sys.argv[2], "rb").read().splitlines()
with open_registry(sys.argv[1]) as registry:
    for entry in registry.admit_many(lines, size=int(sys.argv[3])):
        sys.stdout.write(entry.digest + "\\n")
        sys.stdout.flush()
"""


def test_each_batch_is_kept_before_it_is_told(url: str, make: Any) -> None:
    envelopes = [make.sign(make.claim(f"Method{n}")) for n in range(5)]
    with open_registry(url) as writer, open_registry(url) as reader:
        for number, entry in enumerate(writer.admit_many(envelopes, size=2)):
            assert reader.claim(entry.digest) is not None
            assert reader.counts().records == min(number // 2 * 2 + 2, 5)


def test_the_position_of_what_is_refused_counts_over_all_batches(
    small: Registry, make: Any
) -> None:
    envelopes = [make.sign(make.claim(f"Method{n}")) for n in range(4)]
    doubled = [*envelopes, make.sign(make.claim("method3")), make.sign(make.claim("Another"))]
    admitted = small.admit_many(doubled, size=3)
    assert [next(admitted).sequence for _ in range(4)] == [1, 2, 3, 4]
    with pytest.raises(AdmissionError, match="there already") as refused:
        next(admitted)
    assert refused.value.facts["position"] == 5
    assert small.counts().claims == 4


@pytest.mark.parametrize("size", [1, 7])
def test_a_writer_that_is_killed_has_kept_all_that_it_told(
    url: str, make: Any, tmp_path: Path, size: int
) -> None:
    envelopes = [make.sign(make.claim(f"Method{n}")) for n in range(600)]
    lines = tmp_path / "claims.jsonl"
    lines.write_bytes(b"\n".join(envelopes))
    open_registry(url).close()
    told: set[str] = set()
    chance = random.Random(size)
    for _ in range(3):
        told |= _killed(url, lines, size=size, lines=chance.randrange(1, 60), chance=chance)
        with open_registry(url) as registry:
            missing = [digest for digest in told if registry.claim(digest) is None]
            assert not missing
            before = registry.counts().records
            assert registry.rebuild() == before >= len(told)
    assert told


def _killed(url: str, lines_file: Path, *, size: int, lines: int, chance: Any) -> set[str]:
    """Digests that a writer told before it was killed, somewhat after so many of them."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(lines_file), str(size)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert writer.stdout is not None
    told = [writer.stdout.readline() for _ in range(lines)]
    time.sleep(chance.random() * 0.02)
    writer.send_signal(signal.SIGKILL)
    told += writer.stdout.readlines()
    writer.wait(10)
    writer.stdout.close()
    # The last line may be cut short; only a whole one was told.
    return {line.decode().strip() for line in told if line.endswith(b"\n")}
