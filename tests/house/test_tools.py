"""What `make test` takes from the machine: what is missing, where it may; never a fault."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APT = """#!/bin/sh
echo "$*" >> "$LOG"
case "$1" in
  install) for one in chromium initdb; do printf '#!/bin/sh\\n' > "$BIN/$one"; done
           /bin/chmod +x "$BIN/chromium" "$BIN/initdb" ;;
esac
"""
NPM = """#!/bin/sh
echo "npm $*" >> "$LOG"
mkdir -p .venv/browser/node_modules/axe-core && : > .venv/browser/node_modules/axe-core/axe.min.js
"""


class Machine:
    """A copy of the script in a clone, and a machine that has just the programs given."""

    def __init__(self, place: Path) -> None:
        self.clone, self.programs, self.log = place / "clone", place / "bin", place / "log"
        for name in (".ci", "tests/web/browser"):
            (self.clone / name).mkdir(parents=True)
        self.programs.mkdir()
        shutil.copy2(ROOT / ".ci/test-tools", self.clone / ".ci")
        for name in ("package.json", "package-lock.json"):
            shutil.copy2(ROOT / "tests/web/browser" / name, self.clone / "tests/web/browser")
        for name in ("sh", "dirname", "ls", "env", "cmp", "mkdir", "cp"):
            (self.programs / name).symlink_to(shutil.which(name) or f"/bin/{name}")
        self.log.touch()

    def give(self, name: str, script: str = "#!/bin/sh\n") -> None:
        (self.programs / name).write_text(script)
        (self.programs / name).chmod(0o755)

    def run(self) -> subprocess.CompletedProcess[str]:
        known = {"PATH": str(self.programs), "BIN": str(self.programs), "LOG": str(self.log)}
        script = self.clone / ".ci/test-tools"
        return subprocess.run(["/bin/sh", script], env=known, capture_output=True, text=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_where_nothing_can_be_had_it_says_what_is_not_tested(machine: Machine) -> None:
    machine.give("id", "#!/bin/sh\necho 1000\n")
    told = machine.run()
    assert told.returncode == 0
    assert "NO CHROMIUM: THE PAGES ARE NOT TESTED IN A BROWSER" in told.stderr
    assert "NO AXE-CORE" in told.stderr


def test_root_gets_what_is_missing_once(machine: Machine) -> None:
    machine.give("id", "#!/bin/sh\necho 0\n")
    machine.give("apt-get", APT)
    machine.give("npm", NPM)
    told = machine.run()
    assert (told.returncode, told.stderr) == (0, "")
    assert "installing for the tests: chromium" in told.stdout
    update, install, npm = machine.log.read_text().splitlines()
    assert update.startswith("update")
    assert "--no-install-recommends chromium" in install
    assert npm.startswith("npm ci --prefix .venv/browser --ignore-scripts")
    again = machine.run()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(machine.log.read_text().splitlines()) == 3


def test_a_user_who_may_not_install_is_not_asked(machine: Machine) -> None:
    machine.give("id", "#!/bin/sh\necho 1000\n")
    machine.give("sudo", "#!/bin/sh\nexit 1\n")
    machine.give("apt-get", APT)
    machine.give("npm", "#!/bin/sh\nexit 1\n")
    told = machine.run()
    assert told.returncode == 0
    assert machine.log.read_text() == ""
    assert "NO CHROMIUM" in told.stderr and "NO AXE-CORE" in told.stderr


def test_an_apt_that_fails_fails_nothing(machine: Machine) -> None:
    machine.give("id", "#!/bin/sh\necho 0\n")
    machine.give("apt-get", "#!/bin/sh\nexit 100\n")
    told = machine.run()
    assert (told.returncode, "NO CHROMIUM" in told.stderr) == (0, True)
