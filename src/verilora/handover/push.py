"""Sends a parcel to the hub: the only place of verilora that uploads anything."""

from __future__ import annotations

import re
from typing import Any, Protocol

import huggingface_hub
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import validate_repo_id

from verilora.errors import ConfigError, OutputError, VeriloraError
from verilora.handover.parcel import Parcel

_TOKEN = re.compile(r"hf_\w+|Bearer \S+")


class Hub(Protocol):
    """What is used of huggingface_hub's HfApi."""

    def model_info(self, repo_id: str) -> Any:
        """Raises RepositoryNotFoundError where there is none."""

    def create_repo(self, repo_id: str, *, private: bool | None, exist_ok: bool) -> Any:
        """Makes the repository, or leaves it."""

    def upload_folder(
        self, *, repo_id: str, folder_path: str, allow_patterns: list[str], commit_message: str
    ) -> Any:
        """One commit with the files."""


def refuse_name(repository: str) -> None:
    """Raises ConfigError if that is no USER/NAME."""
    try:
        validate_repo_id(repository)
        fault = None if repository.count("/") == 1 else "it has no user or organisation"
    except HFValidationError as error:
        fault = str(error)
    if fault:
        raise ConfigError("the repository", [f"{repository!r} is no USER/NAME: {fault}"])


def push(parcel: Parcel, repository: str, *, private: bool = False, hub: Hub | None = None) -> str:
    """Sends the parcel's files in one commit; returns its address.

    The token is the hub's own (HF_TOKEN, or `hf auth login`) and is neither read nor told here. A
    repository that is there already gets the files; one that is public is not sent to as private.
    Raises ConfigError for a name that cannot be, OutputError if there is no token or if the hub
    refuses or cannot be reached.
    """
    refuse_name(repository)
    if hub is None:
        if not huggingface_hub.get_token():
            raise OutputError(
                "there is no token for the hub: log in with `hf auth login`, or set HF_TOKEN"
            )
        hub = huggingface_hub.HfApi()
    try:
        if private:
            _refuse_public(hub, repository)
        hub.create_repo(repository, private=private or None, exist_ok=True)
        done = hub.upload_folder(
            repo_id=repository,
            folder_path=str(parcel.directory),
            allow_patterns=[name for name, _, _ in parcel.files],
            commit_message="A LoRA adapter, with its digests",
        )
    except VeriloraError:
        raise
    except Exception as error:  # the library and those below it raise what they like
        raise OutputError(
            f"the hub did not take it: {_told(error)}; nothing here was changed"
        ) from None
    return str(getattr(done, "commit_url", done))


def _refuse_public(hub: Hub, repository: str) -> None:
    try:
        there = hub.model_info(repository)
    except RepositoryNotFoundError:
        return
    if not there.private:
        raise OutputError(
            f"{repository} is there already and is public; make it private on the hub first, or "
            "leave out --private"
        )


def _told(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {_TOKEN.sub('…', first)}"
