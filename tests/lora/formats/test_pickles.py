"""Pickled files: tensors come back, code does not run, damage is told."""

from __future__ import annotations

import pickle

import pytest
import torch

from verilora.lora.formats.documents import DocumentError
from verilora.lora.formats.pickles import pickled_bytes, plain_tensors, read_pickled

GIVEN = {"a": torch.arange(6.0).view(2, 3), "model": {"b": torch.ones(2, dtype=torch.bfloat16)}}


def test_what_is_written_is_read_and_the_bytes_depend_on_values_alone(tmp_path):
    (tmp_path / "x.pt").write_bytes(pickled_bytes(GIVEN))
    found = read_pickled(tmp_path / "x.pt")
    assert torch.equal(found["a"], GIVEN["a"])
    assert torch.equal(found["model"]["b"], GIVEN["model"]["b"])
    view = torch.arange(12.0)[:6].view(2, 3)
    assert pickled_bytes({"a": view}) == pickled_bytes({"a": GIVEN["a"]})


class Evil:
    """Would run a command if it were unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/verilora-was-here",)


@pytest.mark.parametrize("how", ["plain", "torch"])
def test_code_is_refused(tmp_path, how):
    path = tmp_path / "x.bin"
    if how == "plain":
        path.write_bytes(pickle.dumps({"a": Evil()}))
    else:
        torch.save({"a": Evil()}, path)
    with pytest.raises(DocumentError, match="no whole file of plain tensors"):
        read_pickled(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"garbage", b"\x80\x02"])
def test_damage_is_told(tmp_path, content):
    path = tmp_path / "x.bin"
    path.write_bytes(content)
    with pytest.raises(DocumentError):
        read_pickled(path)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off(tmp_path, cut):
    whole = pickled_bytes(GIVEN)
    (tmp_path / "x.pt").write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(DocumentError):
        read_pickled(tmp_path / "x.pt")


def test_no_mapping_no_file_and_no_tensor(tmp_path):
    torch.save([torch.ones(1)], tmp_path / "list.pt")
    with pytest.raises(DocumentError, match="holds list where a mapping"):
        read_pickled(tmp_path / "list.pt")
    with pytest.raises(DocumentError, match="no regular file"):
        read_pickled(tmp_path / "absent.pt")
    with pytest.raises(DocumentError, match="holds int under 'n'"):
        plain_tensors({"n": 3}, file_bytes=100)
    with pytest.raises(DocumentError, match="holds Tensor under 's'"):
        plain_tensors({"s": torch.eye(2).to_sparse()}, file_bytes=100)


def test_a_tensor_that_claims_more_than_the_file_holds():
    huge = torch.zeros(1).expand(10_000, 10_000)
    with pytest.raises(DocumentError, match="forged"):
        plain_tensors({"x": huge}, file_bytes=1000)
    found = plain_tensors({"x": torch.ones(3, 2).t()}, file_bytes=1000)
    assert found["x"].is_contiguous()
