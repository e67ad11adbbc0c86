from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from verilora.errors import OutputError
from verilora.train import lock
from verilora.train.lock import NAME, locked


def test_a_second_run_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(OutputError, match="another run is writing"), locked(tmp_path):
            pass
        with pytest.raises(OutputError), locked(tmp_path):
            pass
    with locked(tmp_path):
        pass


def test_it_leaves_nothing(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert (tmp_path / NAME).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from verilora.train.lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert (tmp_path / NAME).exists()
    with locked(tmp_path):
        pass


def test_a_lock_on_a_file_that_is_gone_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def still_there(path: Path, descriptor: int) -> bool:
        tries.append(descriptor)
        if len(tries) == 1:
            path.unlink()  # the run before removes its file just now
        return real(path, descriptor)

    real = lock._still_there
    monkeypatch.setattr(lock, "_still_there", still_there)
    with locked(tmp_path):
        assert len(tries) == 2


def test_a_directory_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"), locked(tmp_path / "no"):
        pass
