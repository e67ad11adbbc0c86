from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from verilora.data.e2e import prompt_of, read_e2e
from verilora.data.encode import encode
from verilora.data.load import load_dataset
from verilora.errors import DataError, RecipeError
from verilora.records.recipe import TaskSection

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "e2e"
GPT2 = SHARED.parent / "tokenizers" / "gpt2"
ROW = '"name[Aromi], eatType[pub], priceRange[£20-25]","Aromi is a pub,  at £20-25."\n'
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the E2E challenge's files")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The challenge's files, with a row or two each."""
    (tmp_path / "trainset.csv").write_text(f"mr,ref\n{ROW}{ROW}", "utf-8-sig")
    (tmp_path / "devset.csv").write_text("mr,ref\nname[Dev],A text.\n", "utf-8")
    with gzip.open(tmp_path / "testset_w_refs.csv.gz", "wt", encoding="utf-8") as file:
        file.write('"mr","ref"\n"name[Test]","One."\n"name[Test]","Two\nlines."\n')
    return tmp_path


def test_a_meaning_representation_in_loras_form() -> None:
    meaning = "name[Aromi], eatType[pub], customer rating[5 out of 5], familyFriendly[no]"
    wanted = "name : Aromi | Type : pub | customer rating : 5 out of 5 | family friendly : no"
    assert prompt_of(meaning) == wanted
    assert prompt_of("priceRange[£20-25], near[Café Adriatic]") == (
        "price : £ 20 - 25 | near : Café Adriatic"
    )


@pytest.mark.parametrize(
    ("meaning", "told"),
    [
        ("Aromi is a pub", "is no meaning representation"),
        ("name[Aromi], eatType[pub", "is no meaning representation"),
        ("", "is no meaning representation"),
        ("name[Aromi], eattype[pub]", r"no attribute 'eattype'; did you mean 'eatType'\?"),
    ],
)
def test_one_that_is_none_is_told(meaning: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        prompt_of(meaning)


def test_the_challenges_files(directory: Path) -> None:
    splits = read_e2e(directory)
    (first, second), (dev,) = splits.train, splits.validation
    assert first.texts == (
        "name : Aromi | Type : pub | price : £ 20 - 25",
        "Aromi is a pub, at £20-25.",
    )
    assert (first.id, second.id, second.texts) == ("train-0", "train-1", first.texts)
    assert (dev.id, dev.texts) == ("dev-0", ("name : Dev", "A text."))
    test = read_e2e(directory, "test").validation
    assert [(one.id, one.texts[1]) for one in test] == [
        ("test-0", "One."),
        ("test-1", "Two lines."),
    ]


def test_loras_files(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text(f"name : {name}||A {name} . \n", "utf-8")
    splits = read_e2e(tmp_path, "test")
    assert splits.train[0].texts == ("name : train", "A train .")
    assert splits.validation[0].texts == ("name : test", "A test .")
    (tmp_path / "valid.txt").write_text("name : a||A .\nno bars\n||empty\na||b||c\n", "utf-8")
    with pytest.raises(DataError) as caught:
        read_e2e(tmp_path)
    message = str(caught.value)
    assert "valid.txt: 3 rows have a fault" in message
    assert "line 2: 0 times '||'; once is wanted" in message
    assert "line 3: the meaning representation or its text is empty" in message
    assert "line 4: 2 times '||'" in message


def test_faults_have_file_and_line(directory: Path) -> None:
    (directory / "devset.csv").write_text(
        "mr,ref\nname[A],fine\n\nname(B),text\nname[C],\nname[D]\n", "utf-8"
    )
    with pytest.raises(DataError) as caught:
        read_e2e(directory)
    message = str(caught.value)
    assert "devset.csv: 4 rows have a fault" in message
    assert "line 3: the line is empty" in message
    assert "line 4: 'name(B)' is no meaning representation" in message
    assert "line 5: the meaning representation or its text is empty" in message
    assert "line 6: 1 fields; 2 are wanted (mr, ref)" in message
    assert caught.value.line == 3  # type: ignore[attr-defined]
    (directory / "devset.csv").write_text("MR,text\nname[A],fine\n", "utf-8")
    with pytest.raises(DataError, match=r"line 1: no column 'mr'.*the file has 'MR', 'text'"):
        read_e2e(directory)
    (directory / "devset.csv").write_text("mr,ref\n", "utf-8")
    with pytest.raises(DataError, match=r"devset\.csv holds no rows"):
        read_e2e(directory)


def test_what_is_missing_is_told(directory: Path) -> None:
    with pytest.raises(DataError, match=r"which is not there; a directory is wanted with trainset"):
        read_e2e(directory / "nowhere")
    with pytest.raises(RecipeError, match="validation is 'tset'; did you mean 'test'"):
        read_e2e(directory, "tset")
    (directory / "devset.csv").unlink()
    with pytest.raises(DataError, match=r"there is no file .*devset\.csv"):
        read_e2e(directory)
    (directory / "trainset.csv").unlink()
    with pytest.raises(DataError, match=r"holds neither trainset\.csv nor train\.txt; a directory"):
        read_e2e(directory)
    with pytest.raises(RecipeError, match=r"data is missing.*e2e-dataset"):
        load_dataset(TaskSection(name="e2e"))
    own = TaskSection(name="e2e", data=str(directory), train="a.csv", validation="b.csv")
    with pytest.raises(RecipeError, match="'e2e' reads its own files and needs no train"):
        load_dataset(own)


@needs_data
def test_the_official_files() -> None:
    dev = load_dataset(TaskSection(name="e2e", data=str(SHARED)))
    test = load_dataset(TaskSection(name="e2e", data=str(SHARED), validation="test"))
    assert [len(part) for part in (dev.train, dev.validation, test.validation)] == [
        42061,
        4672,
        4693,
    ]
    prompts = [
        {one.texts[0] for one in part} for part in (dev.train, dev.validation, test.validation)
    ]
    assert [len(found) for found in prompts] == [4862, 547, 630]
    assert dev.digest != test.digest
    assert (
        dev.train[0].texts[0].startswith("name : The Vaults | Type : pub | price : more than £ 30")
    )


@needs_data
@pytest.mark.parametrize(("part", "name"), [("dev", "valid"), ("test", "test")])
def test_every_prompt_is_that_of_loras_own_file(part: str, name: str) -> None:
    path = SHARED / f"lora-repo-{name}.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").removesuffix("\n").split("\n")
    examples = read_e2e(SHARED, part).validation
    assert [one.texts[0] for one in examples] == [line.partition("||")[0] for line in lines]
    bare = ["".join(line.partition("||")[2].split()) for line in lines]
    assert ["".join(one.texts[1].split()) for one in examples] == bare


@needs_data
@pytest.mark.skipif(not GPT2.is_dir(), reason="needs GPT-2's vocabulary")
def test_tokens_are_as_in_loras_scripts(tmp_path: Path) -> None:
    # context + <|endoftext|> + " " + completion + <|endoftext|>, each encoded by itself.
    for packed, name in (("encoder.json.gz", "vocab.json"), ("vocab.bpe.gz", "merges.txt")):
        (tmp_path / name).write_bytes(gzip.decompress((GPT2 / packed).read_bytes()))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    data = load_dataset(
        TaskSection(name="e2e", data=str(SHARED), limit=1, validation="test", validation_limit=50)
    )
    found = encode(data.validation, tokenizer, max_length=512, task=data.task)
    end = 50256
    for example, ids, targets in zip(data.validation, found.ids, found.targets or (), strict=True):
        prompt, text = example.texts
        context = [*tokenizer(prompt)["input_ids"], end]
        completion = [*tokenizer(f" {text}")["input_ids"], end]
        assert ids == [*context, *completion]
        assert targets == [*[-100] * len(context), *completion]
    assert found.stops == (end,)
