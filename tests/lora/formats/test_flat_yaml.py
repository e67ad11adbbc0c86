"""Flat YAML: as PyYAML reads it, no more and no less."""

from __future__ import annotations

import pytest
import yaml

from verilora.lora.formats.documents import DocumentError
from verilora.lora.formats.flat_yaml import flat_bytes, read_flat

TEXT = """# a comment
checkpoint_dir: checkpoints/meta-llama/Llama-3.2-1B
lora_r: 8
lora_alpha: 16
lora_dropout: 0.05
lora_query: true
lora_key: false
precision: null
name: "a: b"
train:
  save_interval: 1000
  lora_r: 99
eval: {interval: 100}
"""


def test_scalars_are_those_of_pyyaml(tmp_path):
    (tmp_path / "x.yaml").write_text(TEXT)
    found, wanted = read_flat(tmp_path / "x.yaml"), yaml.safe_load(TEXT)
    plain = {key: value for key, value in wanted.items() if not isinstance(value, dict)}
    assert {key: found[key] for key in plain} == plain
    assert "train" not in found


def test_what_is_written_pyyaml_reads(tmp_path):
    given = {"a": 1, "b": 2.5, "c": True, "d": "x: y # z", "e": None, "f": 'q"uote'}
    content = flat_bytes(given)
    assert yaml.safe_load(content) == given
    (tmp_path / "x.yaml").write_bytes(content)
    assert read_flat(tmp_path / "x.yaml") == given


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: 1\na: 2\n"])
def test_no_text_and_a_key_given_twice(tmp_path, content):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(DocumentError):
        read_flat(tmp_path / "x.yaml")


def test_infinity_stays_text(tmp_path):
    (tmp_path / "x.yaml").write_text("a: 1e999\nb: nan\n")
    assert read_flat(tmp_path / "x.yaml") == {"a": "1e999", "b": "nan"}
