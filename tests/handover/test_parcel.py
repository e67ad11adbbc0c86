"""What goes to the hub, and what keeps a directory from going."""

from __future__ import annotations

from pathlib import Path

import pytest

from verilora.errors import AdapterFileError
from verilora.handover.parcel import pack
from verilora.lora import attach
from verilora.lora.formats import save_adapter
from verilora.records.adapter import LoraConfig
from verilora.records.digests import digest_file


@pytest.fixture
def adapter(llama, tmp_path) -> Path:
    """As save_adapter leaves it."""
    llama.config._name_or_path = "someone/tiny-llama"
    save_adapter(attach(llama, LoraConfig(2, target_modules=["q_proj"])), tmp_path / "adapter")
    return tmp_path / "adapter"


def test_the_files_of_an_adapter_and_nothing_else(adapter):
    (adapter / "notes.txt").write_text("mine")
    (adapter / "checkpoints").mkdir()
    parcel = pack(adapter)
    names = ["adapter_model.safetensors", "adapter_config.json", "verilora.json", "README.md"]
    assert [name for name, _, _ in parcel.files] == names
    for name, size, digest in parcel.files:
        assert (size, digest) == ((adapter / name).stat().st_size, digest_file(adapter / name))
    assert parcel.size == sum((adapter / name).stat().st_size for name in names)
    assert parcel.left == ("checkpoints", "notes.txt")
    assert "stays here: checkpoints, notes.txt" in str(parcel)
    assert parcel.to_mapping()["bytes"] == parcel.size


def test_a_missing_licence_is_told_until_it_is_there(adapter):
    assert any("no license is stated" in warning for warning in pack(adapter).warnings)
    card = adapter / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nlicense: apache-2.0\n", 1))
    assert pack(adapter).warnings == ()


def test_what_a_reader_would_miss_is_told(adapter):
    (adapter / "README.md").unlink()
    (adapter / "verilora.json").unlink()
    told = " ".join(pack(adapter).warnings)
    assert "there is no README.md" in told
    assert "there is no verilora.json" in told
    assert "no base_model is stated" in told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("adapter_config.json", b"{}", "is not the file whose digest verilora.json gives"),
        ("adapter_model.safetensors", b"x", "is not the file whose digest verilora.json gives"),
        ("verilora.json", b"{", "verilora.json cannot be read"),
        ("README.md", b"---\na: [\n---\n", "is no YAML"),
        ("key.pem", b"-----BEGIN PRIVATE KEY-----\n", "looks like a private key"),
        ("README.md", b"-----BEGIN OPENSSH PRIVATE KEY-----", "looks like a private key"),
    ],
)
def test_what_does_not_fit_is_not_sent(adapter, name, content, told):
    (adapter / name).write_bytes(content)
    with pytest.raises(AdapterFileError, match="is not sent") as caught:
        pack(adapter)
    assert told in str(caught.value)


def test_a_key_in_a_folder_below_is_found_too(adapter):
    (adapter / "old" / "keys").mkdir(parents=True)
    (adapter / "old" / "keys" / "me").write_bytes(b"# mine\n-----BEGIN ENCRYPTED PRIVATE KEY-----")
    with pytest.raises(AdapterFileError, match="old/keys/me looks like a private key"):
        pack(adapter)


def test_links_and_missing_files_are_refused(adapter, tmp_path):
    (adapter / "README.md").rename(tmp_path / "elsewhere.md")
    (adapter / "README.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(AdapterFileError, match=r"README\.md is a link"):
        pack(adapter)
    with pytest.raises(AdapterFileError, match="is missing; a directory that save_adapter wrote"):
        pack(tmp_path / "nowhere")
