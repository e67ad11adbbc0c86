"""reproduce: a real cell of a table on a tiny base, by the door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CELL = "lora/table2/roberta-base/mrpc"


@pytest.fixture(scope="module")
def mrpc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up MRPC of sixteen pairs in GLUE's form."""
    directory = tmp_path_factory.mktemp("mrpc")
    head = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
    rows = [
        f"{n % 2}\t{n}a\t{n}b\ta good {('night', 'day')[n % 2]}\ta {('bad', 'good')[n % 2]} day\n"
        for n in range(16)
    ]
    for name in ("train", "dev"):
        (directory / f"{name}.tsv").write_text(head + "".join(rows), "utf-8")
    return directory


@pytest.fixture
def said(tiny_base: Path, mrpc: Path, tmp_path: Path) -> list[object]:
    """The command, but for what a test adds."""
    return [
        *("reproduce", CELL, "--model", tiny_base, "--data", mrpc, "--seeds", "0,1", "--jobs", "1"),
        *("--set", "training.epochs=2", "--set", "adapter.rank=2", "--out", tmp_path / "out"),
    ]


def test_what_differs_is_found_and_the_verdict_follows(verilora, said, tmp_path):
    told = verilora(*said)
    assert told.status == 0, told.err
    out = tmp_path / "out"
    assert "the paper says 89.7 ± 0.7" in told.out
    for word in ("proxy", "30 epochs", "512 tokens", "preregistration", "report.html"):
        assert word in told.out, word
    assert "The most that can come of it: partial." in told.err
    assert "the base reads at most 16 tokens: max_length is 16, not 512" in told.err
    assert told.err.index("Fixed in") < told.err.index("seed 0: 2 steps")
    for name in ("target", "preregistration", "verdict"):
        json.loads((out / f"{name}.json").read_bytes())
    for name in ("verdict.png", "report.html", "seed-0/report.html", "seed-1/run.json"):
        assert (out / name).is_file(), name
    verdict = json.loads((out / "verdict.json").read_bytes())["verdict"]
    assert verdict["protocol_match"] == "proxy"
    assert verdict["status"] in ("partial", "inconclusive")
    (tmp_path / "paper.txt").write_text("Table 2: none of it.", "utf-8")
    again = verilora(*said, "--json", "--paper-text", tmp_path / "paper.txt")
    assert json.loads(again.out)["verdict"] == verdict
    assert f"verilora judge {out} --paper-text {tmp_path / 'paper.txt'}" in again.err
    id_ = json.loads((out / "claim.json").read_bytes())["id"]
    assert f"http://127.0.0.1:8000/claims/{id_}" in told.out
    assert "its verdict, what was fixed before, 2 runs" in told.out
    signed = verilora("verify", out)
    assert signed.status == 0, signed.out
    assert "achieves accuracy" in signed.out
    judged = verilora("judge", out)
    assert judged.status == 0, judged.out
    assert "verdict.json is the same to the" in judged.out


def test_another_plan_in_the_same_place_is_refused(verilora, said, tmp_path):
    assert verilora(*said, "--limit", "8").status == 0
    before = (tmp_path / "out/preregistration.json").read_bytes()
    told = verilora(*said)
    assert told.status == 1
    assert "choose another directory" in told.err
    assert (tmp_path / "out/preregistration.json").read_bytes() == before


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--want", "reproduced"], "'reproduced' is wanted, and 'partial' is the most"),
        (["--margin", "-1"], "a number above 0 is wanted"),
        (["--set", "training.seed=3"], "say --seeds"),
        (["--set", "training.epohcs=3"], "epochs"),
        (["--paper-text", "absent.txt"], "absent.txt"),
        (["--anchors", "absent.json"], "verilora anchors run writes one"),
        (["--start", "absent"], "absent"),
    ],
)
def test_a_wrong_wish_is_a_sentence_before_anything_is_written(
    verilora, said, tmp_path, more, sentence
):
    told = verilora(*said, *more)
    assert told.status == 1
    assert sentence in told.err
    assert "Traceback" not in told.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("lora/table2/roberta-base/mrcp", "lora/table2/roberta-base/mrpc"),
        ("lora/table13/gpt2-medium/bleu", "cannot be run yet"),
        ("nonsense", "recipes list"),
    ],
)
def test_a_target_that_is_not_there_names_the_nearest(verilora, target, sentence):
    told = verilora("reproduce", target)
    assert told.status == 1
    assert sentence in told.err


@pytest.mark.parametrize("seeds", ["0,0", "x", "-1"])
def test_wrong_seeds_are_misuse(verilora, seeds):
    told = verilora("reproduce", CELL, "--seeds", seeds)
    assert told.status == 2
    assert seeds in told.err
