"""`verify`: one word, and an exit status for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.states import EXIT_STATUS


@pytest.fixture
def run(trained: Path, verilora: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run, signed by a trusted key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    shutil.copytree(trained, tmp_path / "run")
    for line in (
        ("keys", "new", "--name", "root"),
        ("keys", "new"),
        ("keys", "trust", "default", "--root", "root"),
        ("sign", tmp_path / "run"),
    ):
        assert verilora(*line).status == 0
    return tmp_path / "run"


def test_every_state_has_its_own_status() -> None:
    assert len(EXIT_STATUS) == len(set(EXIT_STATUS.values())) == 11
    assert [state for state, status in EXIT_STATUS.items() if status < 3] == ["valid"]


def test_all_is_well(run: Path, verilora: Any) -> None:
    told = verilora("verify", run)
    assert told.status == 0
    assert told.out.startswith("valid")
    assert "default (" in told.out
    facts = json.loads(verilora("verify", run, "--json").out)
    assert (facts["state"], facts["kind"], facts["absent"]) == ("valid", "run", [])
    assert facts["record"]["recipe"] == "tiny"
    assert list(facts["levels"]) == ["signature"]


def test_one_byte_of_the_adapter(run: Path, verilora: Any) -> None:
    weights = run / "adapter/adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    told = verilora("verify", run)
    assert told.status == 14
    assert told.out.startswith("digest-mismatch: adapter/adapter_model.safetensors")
    facts = json.loads(verilora("verify", run, "--json").out)
    assert facts["state"] == "digest-mismatch"
    assert facts["differing"] == [f"{weights.relative_to(run)} is not the file that was signed"]
    assert set(facts) == {"state", "sentence", "path", "differing"}


def test_each_state_ends_with_its_status(run: Path, verilora: Any) -> None:
    envelope = run / "claim.dsse.json"
    whole = envelope.read_bytes()
    envelope.write_bytes(whole[:-3])
    assert verilora("verify", run).status == 15
    held = json.loads(whole)
    held["signatures"][0]["sig"] = "A" * 86 + "=="
    envelope.write_text(json.dumps(held))
    assert verilora("verify", run).status == 13
    envelope.write_bytes(whole)
    digest = json.loads(verilora("verify", run, "--json").out)["digest"]
    notice = run.parent / "notice.json"
    given = {"format": "verilora.notice/1", "kind": "retraction", "about": digest}
    given |= {"reason": "other data", "made_at": "2026-01-01T00:00:00Z"}
    notice.write_text(json.dumps(given))
    assert verilora("sign", notice).status == 0
    told = verilora("verify", run, "--notice", run.parent / "notice.dsse.json")
    assert (told.status, "other data" in told.out) == (19, True)
    verilora("keys", "revoke", "default", "--reason", "stolen", "--root", "root")
    assert verilora("verify", run).status == 12


def test_two_may_have_to_sign(run: Path, verilora: Any, tmp_path: Path) -> None:
    both = ("second", "--root", "root", "--threshold", "run=2")
    assert verilora("keys", "new", "--name", "second").status == 0
    assert verilora("keys", "trust", *both).status == 0
    told = verilora("verify", run)
    assert told.status == EXIT_STATUS["unknown-key"]
    assert "1 of 2 wanted" in told.out and "verilora sign --add" in told.out
    assert verilora("sign", run, "--key", "second", "--add").status == 0
    facts = json.loads(verilora("verify", run, "--json").out)
    assert {key["name"] for key in facts["keys"]} == {"default", "second"}
    assert verilora("keys", "revoke", "second", "--reason", "lost", "--root", "root").status == 0
    told = verilora("verify", run)
    assert (told.status, "1 of 2 wanted" in told.out) == (EXIT_STATUS["revoked"], True)


def test_numbers_are_computed_again_without_what_trains_or_draws(run: Path) -> None:
    code = (
        "import sys; from verilora.cli.main import main; status = main(sys.argv[1:])\n"
        "heavy = {'torch', 'transformers', 'matplotlib', 'sqlalchemy', 'jinja2'} & {*sys.modules}\n"
        "print(sorted(heavy)); sys.exit(status)"
    )
    call = [sys.executable, "-c", code, "verify", str(run), "--level", "recompute"]
    told = subprocess.run(call, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert any(line.startswith("recompute") for line in lines)
    assert lines[-1] == "[]"


def test_what_is_asked_wrongly_is_told(run: Path, verilora: Any, tmp_path: Path) -> None:
    told = verilora("verify", run, "--data", tmp_path)
    assert (told.status, "--level evaluate" in told.err) == (2, True)
    told = verilora("verify", run, "--level", "evaluate", "--data", tmp_path / "none")
    assert told.status == 1 and str(tmp_path / "none") in told.err
    told = verilora("verify", run / "adapter")
    assert told.status == 1 and f"verilora verify {run}" in told.err
    told = verilora("verify", tmp_path / "nothing", "--trust", tmp_path / "none")
    assert told.status == 1 and "nothing cannot be read" in told.err


def test_a_record_that_is_not_signed_is_said_to_be_one(run: Path, verilora: Any) -> None:
    told = verilora("verify", run / "run.json")
    assert told.status == EXIT_STATUS["malformed"]
    assert "record without a signature (verilora.run/1)" in told.out
    assert len(told.out.splitlines()) == 1


def test_an_adapter_is_told_by_rank_and_base(run: Path, verilora: Any) -> None:
    assert verilora("sign", run / "adapter").status == 0
    told = verilora("verify", run / "adapter")
    assert told.out.startswith("valid       adapter of rank 2 on Bert")


ELSEWHERE = """
import socket, sys
from verilora.cli.main import main
def refuse(*given, **more):
    raise AssertionError("a network was asked")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
sys.exit(main(sys.argv[1:]))
"""


def test_another_machine_needs_the_directory_and_the_trust_file_alone(
    run: Path, tmp_path: Path
) -> None:
    there = tmp_path / "elsewhere"
    shutil.copytree(run, there / "run")
    shutil.copy(tmp_path / "config/verilora/trust.dsse.json", there / "trust.dsse.json")
    shutil.rmtree(tmp_path / "config")  # nor is any key at hand
    shutil.rmtree(tmp_path / "state")

    def verified(*more: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, "-c", ELSEWHERE, "verify", "run", "--trust", "trust.dsse.json"]
        return subprocess.run(
            [*call, *more],
            cwd=there,
            env={"HOME": str(there / "home"), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )

    told = verified("--level", "recompute")
    assert (told.returncode, told.stdout[:5]) == (0, "valid"), told.stderr
    assert (there / "home/.local/state/verilora/trust").is_dir()  # seen, and remembered
    weights = there / "run/adapter/adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    told = verified()
    assert told.returncode == EXIT_STATUS["digest-mismatch"], told.stderr
    assert told.stdout.startswith("digest-mismatch: adapter/adapter_model.safetensors")


def test_without_trust_nothing_is_said(run: Path, verilora: Any, tmp_path: Path) -> None:
    told = verilora("verify", run, "--trust", tmp_path / "none.json")
    assert told.status == 1
    assert "no trust file" in told.err


def test_an_older_trust_file_is_refused(run: Path, verilora: Any, tmp_path: Path) -> None:
    own = tmp_path / "config/verilora/trust.dsse.json"
    old = own.read_bytes()
    verilora("keys", "revoke", "default", "--reason", "stolen", "--root", "root")
    own.write_bytes(old)
    assert verilora("verify", run).status == 10


def test_the_envelope_alone_names_what_is_not_here(
    run: Path, verilora: Any, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.dsse.json"
    shutil.copy(run / "claim.dsse.json", alone)
    told = verilora("verify", alone)
    assert told.status == 0
    assert "run.json" in told.out and "not looked at" in told.out
