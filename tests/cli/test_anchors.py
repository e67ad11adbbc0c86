"""Anchors at the door: listed, run, and an exit status that a script can act on."""

from __future__ import annotations

import json

import pytest

from verilora.anchors import rerun
from verilora.anchors.catalog import anchor_names, find_anchor
from verilora.anchors.measure import Measured
from verilora.records.anchor import read_report

KNOWN = find_anchor("tiny-bits").expectations[0]


@pytest.fixture
def made_up(monkeypatch):
    """Lets an anchor's run come out as given."""

    def replace(name, measured):
        monkeypatch.setitem(rerun.MEASURES, name, lambda place, listen: measured)

    return replace


def test_list_names_all_with_what_is_expected(verilora):
    told = verilora("anchors", "list")
    assert told.status == 0
    for name in anchor_names():
        assert any(line.startswith(f"{name} ") for line in told.out.splitlines())
    assert "76.90 ± 1.5 %, else 76.90 ± 4.8 %" in told.out
    found = json.loads(verilora("anchors", "list", "--json").out)
    assert [one["name"] for one in found] == list(anchor_names())


def test_a_real_one_is_run_and_told(verilora, tmp_path):
    told = verilora("anchors", "run", "tiny-bits", "--out", tmp_path)
    assert told.status == 0
    assert "tiny-bits: 12 steps" in told.err
    assert told.out.splitlines()[1].split()[0] == "tiny-bits"
    assert told.out.splitlines()[-1] == str(tmp_path / "anchors.json")
    assert read_report((tmp_path / "anchors.json").read_bytes()).states().keys() == {"tiny-bits"}


def test_drift_is_a_failure_until_it_is_run_again(verilora, tmp_path, made_up):
    made_up("tiny-bits", Measured(f"sha256:{'0' * 64}", KNOWN.where))
    told = verilora("anchors", "run", "tiny-bits", "--out", tmp_path, "--quiet")
    assert (told.status, told.err) == (1, "")
    assert "drift" in told.out
    assert f"not {KNOWN.value}" in told.out
    made_up("mrpc-minilm", Measured(81.0, "x"))
    told = verilora("anchors", "run", "mrpc-minilm", "--out", tmp_path, "--json")
    assert told.status == 0
    states = {one["name"]: one["state"] for one in json.loads(told.out)["results"]}
    assert states == {"tiny-bits": "drift", "mrpc-minilm": "healthy"}


def test_the_table_says_which_are_of_an_earlier_day(verilora, tmp_path, made_up):
    made_up("mrpc-minilm", Measured(81.0, "x"))
    verilora("anchors", "run", "mrpc-minilm", "--out", tmp_path)
    made_up("tiny-bits", Measured(KNOWN.value, KNOWN.where))
    told = verilora("anchors", "run", "tiny-bits", "--out", tmp_path)
    first, second = told.out.splitlines()[1:3]
    assert "80.50 ± 3.1" in first
    assert "(on 20" in first
    assert "(on 20" not in second
    assert "healthy" in second


def test_what_is_lacking_is_no_failure_and_says_what_to_do(verilora, tmp_path):
    told = verilora("anchors", "run", "mrpc-minilm", "--out", tmp_path)
    assert told.status == 0
    assert "mrpc-minilm: MRPC's files are wanted: --mrpc DIR" in told.out


def test_a_misspelt_name_is_answered(verilora, tmp_path):
    told = verilora("anchors", "run", "tinybits", "--out", tmp_path / "out")
    assert told.status == 1
    assert "did you mean 'tiny-bits'" in told.err
    assert not (tmp_path / "out").exists()
