from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verilora.data.dataset import Splits
from verilora.data.glue import LAYOUTS, read_glue, validation_parts
from verilora.data.tasks import GLUE
from verilora.errors import DataError, RecipeError

WriteGlue = Callable[..., Path]

TEXTS = {
    "cola": (["He sings."], ['Sings he "so.']),
    "sst2": (["a fine film "], ['" dull "']),
    "mrpc": (["He said .", 'He " said .'], ["A .", "B ."]),
    "stsb": (["A man plays.", "A man sings."], ["A dog.", "A cat."]),
    "qqp": (["Why so ?", "Why ?"], ["Who ?", ""]),
    "mnli": (["A man sings.", "A man."], ["A man.", "A dog."], ["A man.", "He sings."]),
    "qnli": (["Who ?", "He."], ["Why ?", "So."]),
    "rte": (["A.", "B."], ["A.", "A."]),
    "wnli": (["A.", "B."], ["A.", "C."]),
}
LABELS = {
    **{task: [1, 0] for task in ("cola", "sst2", "mrpc", "qqp", "wnli")},
    "stsb": [3.2, 0.0],
    "mnli": [0, 2, 1],
    "qnli": [0, 1],
    "rte": [1, 0],
}


def read(task: str, directory: Path, wanted: str | None = None) -> Splits:
    return read_glue(GLUE[task], directory, parts=validation_parts(GLUE[task], wanted))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("task", sorted(GLUE))
def test_every_tasks_official_files(write_glue: WriteGlue, task: str, packed: bool) -> None:
    splits = read(task, write_glue(task, packed=packed))
    assert [list(example.texts) for example in splits.train] == list(TEXTS[task])
    assert [example.label for example in splits.train] == LABELS[task]
    assert [example.label for example in splits.validation[: len(LABELS[task])]] == LABELS[task]
    assert splits.train[0].id == "train-0"
    assert splits.dropped == {}


def test_all_nine_have_a_layout() -> None:
    assert set(LAYOUTS) == set(GLUE)


def test_a_byte_order_mark_is_no_text(write_glue: WriteGlue) -> None:
    splits = read("mrpc", write_glue("mrpc", mark=b"\xef\xbb\xbf"))
    assert splits.train[0].texts == ("He said .", 'He " said .')


def test_mnli_is_validated_on_both_parts_or_on_the_one_asked_for(write_glue: WriteGlue) -> None:
    directory = write_glue("mnli")
    both = [example.id for example in read("mnli", directory).validation]
    assert both == [f"validation_{p}-{i}" for p in ("matched", "mismatched") for i in range(3)]
    one = [example.id for example in read("mnli", directory, "mismatched").validation]
    assert one == both[3:]


def test_a_part_that_is_not_there() -> None:
    with pytest.raises(RecipeError, match="did you mean 'matched' or 'mismatched'"):
        validation_parts(GLUE["mnli"], "matchd")
    with pytest.raises(RecipeError, match="it has one part"):
        validation_parts(GLUE["rte"], "matched")


def test_cut_rows_are_dropped_and_counted_in_qqp_alone(write_glue: WriteGlue) -> None:
    cut = b"7\t8\t9\tWhat is\n\tWas he real ?\t0\n"
    directory = write_glue("qqp")
    with (directory / "train.tsv").open("ab") as file:
        file.write(cut)
    splits = read("qqp", directory)
    assert len(splits.train) == 2
    assert list(splits.dropped.values()) == [2]
    assert next(iter(splits.dropped)).startswith("train: part of a row that a newline cuts")
    directory = write_glue("rte")
    with (directory / "train.tsv").open("ab") as file:
        file.write(cut)
    with pytest.raises(DataError, match=r"train\.tsv: 2 rows have a fault"):
        read("rte", directory)


def test_pairs_without_a_gold_label_are_counted_in_mnli(write_glue: WriteGlue) -> None:
    directory = write_glue("mnli")
    with (directory / "dev_matched.tsv").open("a") as file:
        file.write("3\tp\tg\tA.\tB.\tneutral\t-\n")
    splits = read("mnli", directory)
    assert len(splits.validation) == 6
    (reason,) = splits.dropped
    assert reason.startswith("validation_matched: no gold label")


@pytest.mark.parametrize(
    ("task", "row", "said"),
    [
        ("sst2", "fine\t2", "label '2' is unknown (wanted: '0', '1')"),
        ("sst2", "fine\tpositive", "label 'positive' is unknown"),
        ("rte", "3\tA.\tB.\tentailmnt", "did you mean 'entailment'"),
        ("rte", "3\tA.\tB.\t0", "label '0' is unknown"),
        ("cola", "g\t1\t", "3 fields; 4 are wanted"),
        ("stsb", "\t" * 9 + "5.1", "label 5.1 is outside 0 to 5"),
    ],
)
def test_faults_name_file_and_line(write_glue: WriteGlue, task: str, row: str, said: str) -> None:
    directory = write_glue(task)
    if task == "stsb":
        row = row.replace("\t" * 9, "\t" * 7 + "A\tB\t")
    with (directory / "dev.tsv").open("a") as file:
        file.write(f"{row}\n")
    with pytest.raises(DataError) as caught:
        read(task, directory)
    line = 3 if task == "cola" else 4
    assert f"dev.tsv, line {line}: " in str(caught.value)
    assert said in str(caught.value)


def test_an_empty_split(write_glue: WriteGlue) -> None:
    directory = write_glue("rte")
    (directory / "dev.tsv").write_text("index\tsentence1\tsentence2\tlabel\n")
    with pytest.raises(DataError, match=r"dev\.tsv holds no rows"):
        read("rte", directory)


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="which is not there; a directory with the files of 'rte'"):
        read("rte", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"there is no file .*train\.tsv"):
        read("rte", tmp_path)


def write_original(directory: Path, ids: str) -> Path:
    header = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    rows = "1\t11\t12\tA .\tB .\n0\t13\t14\tC .\tD .\n1\t15\t16\tE .\tF .\n"
    (directory / "msr_paraphrase_train.txt").write_text(header + rows, "utf-8")
    (directory / "dev_ids.tsv").write_text(ids)
    return directory


def test_the_original_mrpc_is_split_by_its_ids(tmp_path: Path) -> None:
    splits = read("mrpc", write_original(tmp_path, "13\t14\n"))
    assert [example.texts for example in splits.train] == [("A .", "B ."), ("E .", "F .")]
    assert [example.texts for example in splits.validation] == [("C .", "D .")]
    assert [example.id for example in splits.train] == ["train-0", "train-1"]


def test_the_original_mrpc_must_hold_all_its_ids(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks 1 of the 2 pairs"):
        read("mrpc", write_original(tmp_path, "13\t14\n13\t99\n"))
    (tmp_path / "dev_ids.tsv").unlink()
    with pytest.raises(DataError, match=r"there is no file .*dev_ids\.tsv"):
        read("mrpc", tmp_path)
    (tmp_path / "msr_paraphrase_train.txt").unlink()
    with pytest.raises(DataError, match=r"holds neither train\.tsv nor the original msr_para"):
        read("mrpc", tmp_path)


@pytest.mark.parametrize(
    ("task", "rows", "positive"),
    [("mrpc", (3668, 408), 279), ("cola", (8551, 1043), 721), ("sst2", (67349, 872), 444)],
)
def test_the_real_files(
    shared: Callable[[str], Path], task: str, rows: tuple[int, int], positive: int
) -> None:
    splits = read(task, shared(task))
    assert (len(splits.train), len(splits.validation)) == rows
    assert sum(example.label or 0 for example in splits.validation) == positive
    assert splits.dropped == {}


def test_the_real_stsb(shared: Callable[[str], Path]) -> None:
    splits = read("stsb", shared("stsb"))
    assert (len(splits.train), len(splits.validation)) == (5749, 1500)
    assert splits.train[0].label == 5.0


def test_mrpc_as_glue_gives_it_is_the_split_made_here(shared: Callable[[str], Path]) -> None:
    made = read("mrpc", shared("mrpc"))
    content = (shared("mrpc") / "dev.tsv").read_text("utf-8-sig").splitlines()[1:]
    given = [tuple(line.split("\t")[3:]) for line in content]
    assert [example.texts for example in made.validation] == given
