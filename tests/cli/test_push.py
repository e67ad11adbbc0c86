"""push: tells what it sends, asks, sends that and nothing else. The hub is a stand-in."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What came to the hub."""
    calls: list[Any] = []

    class Api:
        def create_repo(self, repo_id: str, **given: Any) -> None:
            calls.append(repo_id)

        def upload_folder(self, **given: Any) -> Any:
            calls.append(given)
            return SimpleNamespace(commit_url="https://hub.invalid/commit/1")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: "hf_secretsecret")
    return calls


@pytest.fixture
def adapter(trained, tmp_path):
    """A copy of a trained adapter."""
    return shutil.copytree(trained / "adapter", tmp_path / "adapter")


def test_a_dry_run_tells_all_and_sends_nothing(verilora, trained, sent):
    told = verilora("push", trained, "--to", "me/it", "--dry-run")
    assert told.status == 0
    for words in ("would send to me/it", "adapter_model.safetensors", "4 files, ", "no license"):
        assert words in told.out
    found = json.loads(verilora("push", trained, "--to", "me/it", "--dry-run", "--json").out)
    assert (found["sent"], found["address"], found["to"]) == (False, None, "me/it")
    assert sent == []


def test_it_sends_what_it_said(verilora, adapter, sent):
    (adapter / "mine.txt").write_text("mine")
    told = verilora("push", adapter, "--to", "me/it", "--yes", "--json")
    assert told.status == 0
    found = json.loads(told.out)
    assert found["address"] == "https://hub.invalid/commit/1"
    assert sent[0] == "me/it"
    assert sent[1]["allow_patterns"] == [file["name"] for file in found["files"]]
    assert "mine.txt" not in sent[1]["allow_patterns"]
    assert "stays here: mine.txt" in told.err
    assert "secret" not in told.out + told.err


def test_nobody_to_ask_and_no_yes_sends_nothing(verilora, adapter, sent, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    told = verilora("push", adapter, "--to", "me/it")
    assert told.status == 1
    assert "say --yes" in told.err
    assert sent == []


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_it_asks(verilora, adapter, sent, monkeypatch, answer):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("typer.confirm", lambda question, err: answer)
    told = verilora("push", adapter, "--to", "me/it")
    assert (told.status, bool(sent)) == ((0, True) if answer else (1, False))


def test_changed_files_and_strange_names_are_refused(verilora, adapter, sent):
    assert "is no USER/NAME" in verilora("push", adapter, "--to", "it", "--yes").err
    (adapter / "adapter_config.json").write_text("{}")
    told = verilora("push", adapter, "--to", "me/it", "--yes")
    assert told.status == 1
    assert "save the adapter again" in told.err
    assert sent == []


def test_a_claim_about_other_files_is_not_sent(verilora, adapter, sent, tmp_path, monkeypatch):
    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    assert verilora("keys", "new").status == 0
    assert verilora("sign", adapter).status == 0
    told = verilora("push", adapter, "--to", "me/it", "--yes")
    assert (told.status, len(sent)) == (0, 2)
    assert "claim.dsse.json" in sent[1]["allow_patterns"]
    sidecar = adapter / "verilora.json"
    sidecar.write_text(sidecar.read_text().replace('"accuracy"', '"precision"'))
    told = verilora("push", adapter, "--to", "me/it", "--yes")
    assert told.status != 0
    assert "is not the file that was signed" in told.err
    assert len(sent) == 2
