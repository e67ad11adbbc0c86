"""curves.png: the same bytes each time, whatever the user's matplotlib is set to."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from verilora.charts import write_curves


def chunks(content: bytes) -> list[bytes]:
    place, names = 8, []
    while place < len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        names.append(content[place + 4 : place + 8])
        place += size + 12
    return names


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def test_same_run_same_bytes_without_date_or_software(write_run):
    directory = write_run()
    first = write_curves(directory).read_bytes()
    assert write_curves(directory).read_bytes() == first
    assert set(chunks(first)) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def test_the_users_settings_neither_leak_in_nor_change(write_run):
    directory = write_run()
    first = write_curves(directory).read_bytes()
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30.0, "savefig.dpi": 7}):
        assert write_curves(directory).read_bytes() == first
        assert matplotlib.rcParams["font.size"] == 30.0


@pytest.mark.parametrize("steps", [1, 7, 3000])
def test_short_and_long_runs_are_drawn(write_run, steps):
    picture = opened(write_curves(write_run(steps=steps)))
    assert picture.width == 1440
    colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}
    assert {(0, 114, 178), (213, 94, 0), (0, 122, 90)} <= colours


def test_a_run_without_events_and_evaluations_still_gives_a_picture(write_run):
    directory = write_run(curve=())
    (directory / "events.jsonl").unlink()
    assert opened(write_curves(directory)).width == 1440
