from __future__ import annotations

import sys
from pathlib import Path

import huggingface_hub
import pytest

from verilora.errors import ModelError
from verilora.records.recipe import ModelSection
from verilora.train.locate import locate


def make_package(root: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...]) -> None:
    folder = root / "tiny_encoder" / "inner" / "model"
    folder.mkdir(parents=True)
    (root / "tiny_encoder" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    for name in files:
        (folder / name).write_text("{}")
    monkeypatch.syspath_prepend(str(root))


def test_a_directory_is_itself(base: Path) -> None:
    assert locate(ModelSection(id=str(base))) == base


def test_a_folder_in_a_package_is_found_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(tmp_path, monkeypatch, ("config.json",))
    found = locate(ModelSection(id="package:tiny_encoder/inner/model"))
    assert found == tmp_path / "tiny_encoder" / "inner" / "model"
    assert locate(ModelSection(id="package:tiny_encoder.inner/model")) == found
    assert "tiny_encoder" not in sys.modules


def test_a_package_without_the_folder_says_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_package(tmp_path, monkeypatch, ("weights.bin",))
    with pytest.raises(ModelError, match=r"no config\.json \(found: weights\.bin\)"):
        locate(ModelSection(id="package:tiny_encoder/inner/model"))


@pytest.mark.parametrize("name", ["package:no_such_thing/model", "package:", "package:.."])
def test_a_package_that_is_not_installed_says_how_to_get_it(name: str) -> None:
    with pytest.raises(ModelError, match="is installed; install it"):
        locate(ModelSection(id=name))


@pytest.mark.parametrize("name", ["/no/such/place", "./here", "~/nowhere-at-all", "a/b/c"])
def test_a_path_is_never_asked_of_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: 1 / 0)
    with pytest.raises(ModelError, match="no such directory"):
        locate(ModelSection(id=name))


def fake_hub(monkeypatch: pytest.MonkeyPatch, cached: Path | None, online: Path | None) -> list:
    asked = []

    def snapshot_download(name: str, **options: object) -> str:
        asked.append(options)
        found = cached if options["local_files_only"] else online
        if found is None:
            raise OSError("no route to host")
        return str(found)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


def test_the_hub_is_not_asked_for_what_its_cache_holds(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fake_hub(monkeypatch, cached=base, online=None)
    assert locate(ModelSection(id="some/encoder", revision="abc")) == base
    assert [options["local_files_only"] for options in asked] == [True]
    assert asked[0]["revision"] == "abc"


def test_an_incomplete_cache_is_completed(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    asked = fake_hub(monkeypatch, cached=tmp_path, online=base)
    assert locate(ModelSection(id="some/encoder")) == base
    assert not any("bin" in pattern for pattern in asked[-1]["allow_patterns"])
    assert locate(ModelSection(id="some/encoder"), weights=False) == tmp_path


def test_no_base_and_no_network_says_how_to_give_a_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_hub(monkeypatch, cached=None, online=None)
    with pytest.raises(ModelError, match="no route to host") as caught:
        locate(ModelSection(id="some/encoder", revision="v2"))
    assert "--set model.id=/path/to/model" in str(caught.value)
    assert "revision v2" in str(caught.value)


def test_pickled_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    fake_hub(monkeypatch, cached=None, online=tmp_path)
    with pytest.raises(ModelError, match="pickled weights are never loaded"):
        locate(ModelSection(id="some/encoder"))
