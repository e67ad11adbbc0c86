from __future__ import annotations

from pathlib import Path

from verilora.claims.belongings import belongings, others_in


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_what_belongs_to_a_run_and_to_a_directory_of_runs(tmp_path: Path) -> None:
    fill(tmp_path, "verdict.json", "seed-0/run.json", "seed-0/adapter/verilora.json")
    fill(tmp_path, "preregistrations.json")
    fill(tmp_path, "seed-1/failed.json", "seed-1/run.json", "seed-2/recipe.toml", "report.html")
    assert list(belongings(tmp_path)) == [
        "verdict.json",
        "preregistrations.json",
        "seed-0/run.json",
        "seed-0/adapter/verilora.json",
        "seed-1/run.json",
        "seed-1/failed.json",
    ]
    assert list(belongings(tmp_path / "seed-0/adapter")) == ["verilora.json"]


def test_the_rest_is_told(tmp_path: Path) -> None:
    fill(tmp_path, "run.json", "b/page.html", "a.png", ".lock", ".git/config", "x.dsse.json")
    assert others_in(tmp_path, {"run.json"}) == ("a.png", "b/page.html")
    assert others_in(tmp_path / "none", set()) == ()
