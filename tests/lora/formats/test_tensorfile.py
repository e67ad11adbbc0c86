"""safetensors: what is written is the library's own; what is read is checked first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from verilora.lora.formats.documents import DocumentError
from verilora.lora.formats.tensorfile import entries_of, read_header, read_tensors, tensor_bytes


def _file(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _entry(start: int, end: int, **changes: Any) -> dict[str, Any]:
    size = (end - start) // 4
    return {"dtype": "F32", "shape": [size], "data_offsets": [start, end], **changes}


ATTACKS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is cut off: 0 bytes"),
    "four bytes": (b"\x01\0\0\0", "is cut off: 4 bytes"),
    "pickle": (b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}", "is a pickle"),
    "zipped pickle": (b"PK\x03\x04" + b"\0" * 60, "is a pickle"),
    "header beyond the file": ((1 << 40).to_bytes(8, "little") + b"{}", "cut off or forged"),
    "header of all the file": (b"\xff" * 8 + b"{}", "cut off or forged"),
    "no object": (_file(b"[]"), "no JSON object"),
    "spaces before": (_file(b" {}"), "no JSON object"),
    "not JSON": (_file(b"{'a'}"), "a header that is not JSON"),
    "key twice": (_file(b'{"a": {}, "a": {}}'), "a header that gives the key 'a' twice"),
    "deep": (_file(b'{"a": ' + b"[" * 50_000), "a header that is nested too deeply"),
    "metadata of numbers": (_file({"__metadata__": {"a": 1}}), "__metadata__"),
    "metadata as list": (_file({"__metadata__": []}), "__metadata__"),
    "no entry": (_file({"a": 3}), "describes the tensor 'a' in another form"),
    "unknown field": (_file({"a": {**_entry(0, 4), "code": "x"}}, b"0" * 4), "another form"),
    "unknown dtype": (_file({"a": _entry(0, 4, dtype="Q9")}, b"0" * 4), "holds 'a' as 'Q9'"),
    "dtype as list": (_file({"a": _entry(0, 4, dtype=["F32"])}, b"0" * 4), "holds 'a' as"),
    "negative size": (_file({"a": _entry(0, 4, shape=[-1])}, b"0" * 4), "that are no sizes"),
    "true as size": (_file({"a": _entry(0, 4, shape=[True])}, b"0" * 4), "that are no sizes"),
    "fraction": (_file({"a": _entry(0, 4, shape=[1.0])}, b"0" * 4), "that are no sizes"),
    "huge size": (_file({"a": _entry(0, 4, shape=[2**70])}, b"0" * 4), "that are no sizes"),
    "product too large": (
        _file({"a": _entry(0, 4, shape=[2**40, 2**40])}, b"0" * 4),
        "its shape and dtype need",
    ),
    "three offsets": (_file({"a": _entry(0, 4, data_offsets=[0, 4, 4])}, b"0" * 4), "no sizes"),
    "backwards": (_file({"a": _entry(0, 4, data_offsets=[4, 0])}, b"0" * 4), "bytes, but"),
    "overlap": (
        _file({"a": _entry(0, 8), "b": _entry(4, 12)}, b"0" * 12),
        "'b' overlaps another tensor",
    ),
    "gap": (_file({"a": _entry(0, 4), "b": _entry(8, 12)}, b"0" * 12), "'b' follows a gap"),
    "late start": (_file({"a": _entry(4, 8)}, b"0" * 8), "'a' follows a gap"),
    "cut data": (_file({"a": _entry(0, 8)}, b"0" * 4), "is cut off or has something appended"),
    "appended": (_file({"a": _entry(0, 4)}, b"0" * 9), "is cut off or has something appended"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(attack: str, tmp_path: Path) -> None:
    content, told = ATTACKS[attack]
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=told):
        read_header(path)


@pytest.mark.parametrize("length", [0x80, 0x280, 0x480, 0x1080])
def test_a_header_whose_length_begins_like_a_pickle(length: int, tmp_path: Path) -> None:
    text = json.dumps({"a": _entry(0, 4)}).encode()
    path = tmp_path / "file"
    path.write_bytes(length.to_bytes(8, "little") + text.ljust(length) + b"0000")
    assert path.read_bytes()[:1] == b"\x80"
    assert read_header(path).keys() == {"a"}


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write((1 << 26).to_bytes(8, "little"))
        file.truncate((1 << 26) + 100)  # a hole: no disk is filled
    with pytest.raises(DocumentError, match="at most 33,554,432 are read"):
        read_header(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is no regular file"):
        read_header(tmp_path)


def test_the_library_s_refusal_is_told() -> None:
    with pytest.raises(DocumentError, match="is no safetensors file"):
        read_tensors(b"\xff" * 20)


def test_writing_as_the_library_and_peft_do(tmp_path: Path) -> None:
    wide = torch.arange(6.0).view(2, 3)
    tensors = {"z": wide, "a": wide.to(torch.bfloat16), "t": wide.t(), "i": torch.tensor(3)}
    content = tensor_bytes(tensors)
    plain = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    assert content == save(plain, metadata={"format": "pt"})
    path = tmp_path / "file"
    path.write_bytes(content)
    entries = read_header(path)
    assert {n: (e.dtype, e.shape) for n, e in entries.items()} == {
        name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()
    }
    back = read_tensors(content)
    assert all(torch.equal(back[name], load(content)[name]) for name in tensors)


def test_tensors_of_shared_memory_and_without_elements() -> None:
    tensor = torch.zeros(3)
    content = tensor_bytes({"a": tensor, "b": tensor, "empty": torch.zeros(0, 4)})
    length = int.from_bytes(content[:8], "little")
    entries = entries_of(content[8 : 8 + length], len(content) - 8 - length)
    assert entries["empty"].shape == (0, 4)
    assert torch.equal(read_tensors(content)["b"], tensor)
