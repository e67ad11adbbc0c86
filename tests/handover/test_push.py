"""Sending: one commit with the files of the parcel; every refusal in a sentence, never a token."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.errors import RepositoryNotFoundError

from verilora.errors import ConfigError, OutputError
from verilora.handover.parcel import Parcel
from verilora.handover.push import push, refuse_name


class StandIn:
    """Takes what HfApi would, and remembers it."""

    def __init__(self, *, there: Any = None, fault: Exception | None = None) -> None:
        self.there, self.fault, self.calls = there, fault, []

    def model_info(self, repo_id: str) -> Any:
        if self.there is None:
            request = httpx2.Request("GET", "https://hub.invalid")
            raise RepositoryNotFoundError("none", response=httpx2.Response(404, request=request))
        return SimpleNamespace(private=self.there == "private")

    def create_repo(self, repo_id: str, **given: Any) -> None:
        self.calls.append(("create_repo", repo_id, given))

    def upload_folder(self, **given: Any) -> Any:
        if self.fault is not None:
            raise self.fault
        self.calls.append(("upload_folder", given.pop("repo_id"), given))
        return SimpleNamespace(commit_url="https://hub.invalid/me/it/commit/1")


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return Parcel(tmp_path, (("README.md", 3, "sha256:1"),), ("secret.txt",), ())


def test_one_commit_with_the_files_of_the_parcel(parcel):
    hub = StandIn()
    assert push(parcel, "me/it", hub=hub) == "https://hub.invalid/me/it/commit/1"
    (made, sent) = hub.calls
    assert made == ("create_repo", "me/it", {"private": None, "exist_ok": True})
    assert sent[2]["allow_patterns"] == ["README.md"]
    assert sent[2]["folder_path"] == str(parcel.directory)


@pytest.mark.parametrize("there", [None, "private"])
def test_private_stays_private(parcel, there):
    hub = StandIn(there=there)
    push(parcel, "me/it", private=True, hub=hub)
    assert hub.calls[0][2]["private"] is True


def test_nothing_private_goes_to_what_is_public_already(parcel):
    hub = StandIn(there="public")
    with pytest.raises(OutputError, match="is public; make it private"):
        push(parcel, "me/it", private=True, hub=hub)
    assert hub.calls == []


@pytest.mark.parametrize(
    "fault",
    [
        OSError("403 Forbidden: hf_abcdefGHIJ has no right\nheaders"),
        httpx2.ConnectError("Bearer hf_abcdefGHIJ: no route"),
        RuntimeError(""),
    ],
)
def test_what_the_hub_says_is_told_without_the_token(parcel, fault):
    with pytest.raises(OutputError, match="the hub did not take it") as caught:
        push(parcel, "me/it", hub=StandIn(fault=fault))
    assert "abcdef" not in str(caught.value)
    assert type(fault).__name__ in str(caught.value)
    assert caught.value.__suppress_context__


def test_without_a_token_nothing_is_begun(parcel, monkeypatch):
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: pytest.fail("asked the hub"))
    with pytest.raises(OutputError, match="hf auth login"):
        push(parcel, "me/it")


@pytest.mark.parametrize(
    "name", ["it", "a/b/c", "me/", "/it", "me/ it", "me/it--x", "me/x.git", ""]
)
def test_names_that_cannot_be(name):
    with pytest.raises(ConfigError, match="is no USER/NAME"):
        refuse_name(name)
