from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verilora.data.dataset import Example, Splits
from verilora.data.stdlib_pairs import VALIDATION_SHARE, build_pairs
from verilora.errors import DataError

DIGEST = """
from verilora.data.dataset import Dataset
from verilora.data.stdlib_pairs import build_pairs
from verilora.data.tasks import find_task
from verilora.records.recipe import TaskSection
splits = build_pairs()
task = find_task(TaskSection(name="stdlib-pairs"))
print(Dataset(task, tuple(splits.train), tuple(splits.validation)).digest)
"""


def write_tree(root: Path, modules: int = 40, functions: int = 4) -> Path:
    for module in range(modules):
        lines = [f"raise RuntimeError('module {module} was run')\n"]
        for number in range(functions):
            what = f"the {number}th thing of part {module}"
            lines.append(f'def doThing_{module}_{number}(x, *, y=1):\n    """Give {what}."""\n')
        path = root / f"part{module}.py"
        path.write_text("".join(lines))
    return root


def everything(splits: Splits) -> list[Example]:
    return [*splits.train, *splits.validation]


def module_of(example: Example) -> str:
    return example.id.partition(":")[0]


def truths() -> dict[str, str]:
    """Function's text -> its own description, in a tree of write_tree's."""
    return {
        f"do Thing {module} {number}(x, y)": f"Give the {number}th thing of part {module}."
        for module in range(40)
        for number in range(4)
    }


def test_pairs_are_what_their_labels_say(tmp_path: Path) -> None:
    truth = truths()
    found = everything(build_pairs(write_tree(tmp_path)))
    assert len(found) == 160
    for example in found:
        function, description = example.texts
        assert (truth[function] == description) is (example.label == 1)


def test_each_text_comes_once_so_that_neither_alone_tells_the_label(tmp_path: Path) -> None:
    found = everything(build_pairs(write_tree(tmp_path)))
    for place in (0, 1):
        assert len({example.texts[place] for example in found}) == len(found)


def test_other_descriptions_come_from_the_same_module(tmp_path: Path) -> None:
    for example in everything(build_pairs(write_tree(tmp_path))):
        module = module_of(example).removeprefix("part")
        assert example.texts[1].endswith(f"of part {module}.")


def test_halves_and_splits(tmp_path: Path) -> None:
    splits = build_pairs(write_tree(tmp_path))
    assert sum(example.label or 0 for example in everything(splits)) == 80
    assert 0 < len(splits.validation) <= 160 * VALIDATION_SHARE


def test_twins_are_in_one_split(tmp_path: Path) -> None:
    write_tree(tmp_path)
    for module in range(40):
        twin = tmp_path / f"_pypart{module}.py"
        twin.write_text(f'def twin{module}():\n    """Stand beside part number {module}."""\n')
    splits = build_pairs(tmp_path)
    families = [
        {module_of(example).removeprefix("_py") for example in side}
        for side in (splits.train, splits.validation)
    ]
    assert families[0] | families[1] == {f"part{module}" for module in range(40)}
    assert not families[0] & families[1]


def test_modules_with_one_function_share_their_descriptions(tmp_path: Path) -> None:
    splits = build_pairs(write_tree(tmp_path, modules=64, functions=1))
    labels = [example.label for example in everything(splits)]
    assert len(labels) == 64
    assert labels.count(0) in (31, 32, 33)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    write_tree(tmp_path)
    (tmp_path / "extra.py").write_text(
        'def f(x):\n    """Do one more thing."""\n'
        'def f(x):\n    """Do it again."""\n'
        'def g(x):\n    """do one more THING."""\n'
        'def h(x):\n    """h(x) -> int: something."""\n'
        'def i(x):\n    """Word."""\n'
        'def j(x):\n    """>>> j(1)"""\n'
        'def k(x):\n    """   """\n'
        "def l(x):\n    pass\n"
    )
    (tmp_path / "broken.py").write_text("def f(:\n")
    splits = build_pairs(tmp_path)
    assert len(everything(splits)) == 161
    assert splits.dropped == {
        "another function has the same description": 1,
        "another function has the same place": 1,
        "the description begins with the function's name": 1,
        "the description has fewer than two words": 3,
        "the file cannot be read as Python": 1,
    }


def test_what_is_no_library_is_left_out(tmp_path: Path) -> None:
    write_tree(tmp_path)
    for folder in ("site-packages", "test", "idlelib", "package/tests"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "odd.py").write_text('def odd():\n    """Be left out of it."""\n')
    (tmp_path / "package" / "__init__.py").write_text(
        "class Box:\n"
        "    async def open_it(self, key, /, *rest, force, **more):\n"
        '        """Open the box\n\n        with a key."""\n'
        "        def turnKey(cls):\n"
        '            """Turn the  key once."""\n'
        "if True:\n"
        "    try:\n        pass\n    except ValueError:\n"
        '        def late():\n            """Come after the others."""\n'
    )
    found = {example.id: example.texts for example in everything(build_pairs(tmp_path))}
    own = {name: texts[0] for name, texts in found.items() if name.startswith("package")}
    assert own == {
        "package:Box.open_it": "open it(key, *rest, force, **more)",
        "package:Box.open_it.turnKey": "turn Key()",
        "package:late": "late()",
    }
    descriptions = {texts[1] for texts in found.values()}
    assert {"Open the box", "Turn the key once.", "Come after the others."} <= descriptions
    assert "Be left out of it." not in descriptions


def test_functions_that_look_alike_have_their_classes_before_them(tmp_path: Path) -> None:
    write_tree(tmp_path)
    (tmp_path / "files.py").write_text(
        'class GzFile:\n    def close(self):\n        """Close the packed one."""\n'
        'class Socket:\n    def close(self):\n        """Hang up politely."""\n'
        'def open(x):\n    """Begin with it."""\n'
    )
    found = [e.texts[0] for e in everything(build_pairs(tmp_path)) if module_of(e) == "files"]
    assert sorted(found) == ["Gz File.close()", "Socket.close()", "open(x)"]


def test_the_order_in_which_a_disk_lists_its_files_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path)
    for module in range(40):
        with (tmp_path / f"part{module}.py").open("a") as file:
            file.write(f'def last{module}():\n    """Say the same everywhere."""\n')
    there = build_pairs(tmp_path)
    walk = os.walk
    backwards = [(folder, inner, files[::-1]) for folder, inner, files in walk(tmp_path)]
    monkeypatch.setattr(os, "walk", lambda _: backwards)
    assert build_pairs(tmp_path) == there


def test_too_few_functions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 0 functions with a description, too few"):
        build_pairs(tmp_path)


@pytest.fixture(scope="module")
def real() -> Splits:
    return build_pairs()


def test_the_real_library_is_large_and_balanced(real: Splits) -> None:
    assert 4000 < len(everything(real)) < 6000
    assert 500 < len(real.validation) < 900
    for side in (real.train, real.validation):
        assert 0.47 < sum(example.label or 0 for example in side) / len(side) < 0.53


def test_the_real_splits_share_no_module_and_no_description(real: Splits) -> None:
    assert not {*map(module_of, real.train)} & {*map(module_of, real.validation)}
    descriptions = [example.texts[1].lower() for example in everything(real)]
    assert len(set(descriptions)) == len(descriptions)
    ids = [example.id for example in everything(real)]
    assert len(set(ids)) == len(ids)


def test_no_real_function_is_given_the_description_of_its_namesake(real: Splits) -> None:
    found = everything(real)
    places = [(module_of(example), example.texts[0].lower()) for example in found]
    assert len(set(places)) == len(places)


def test_no_real_family_fills_the_validation_set(real: Splits) -> None:
    modules = [module_of(example).partition(".")[0] for example in real.validation]
    assert max(modules.count(name) for name in set(modules)) <= len(modules) / 4


def test_no_real_description_gives_the_function_away_by_its_form(real: Splits) -> None:
    for example in everything(real):
        name = example.id.rpartition(":")[2].rpartition(".")[2]
        assert not example.texts[1].startswith((f"{name}(", ">>>"))


def test_the_same_bytes_whatever_the_hash_seed() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert digests.pop().startswith("sha256:")
