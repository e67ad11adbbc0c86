from __future__ import annotations

import pytest

from verilora.anchors.judge import judge
from verilora.anchors.measure import Measured
from verilora.records.anchor import Anchor

BITS, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
DATA = f"sha256:{'d' * 64}"


@pytest.mark.parametrize(
    ("latest", "where", "state"),
    [
        (80.0, DATA, "healthy"),
        (78.5, DATA, "healthy"),
        (81.5, DATA, "healthy"),
        (78.49, DATA, "drift"),
        (81.51, DATA, "drift"),
        (82.9, "other data", "healthy"),
        (83.1, "other data", "drift"),
    ],
)
def test_a_number_is_healthy_within_its_tolerance(
    number: Anchor, latest: float, where: str, state: str
) -> None:
    result = judge(number, Measured(latest, where), seconds=3.0)
    assert result.state == state
    assert (result.latest, result.where, result.seconds) == (latest, where, 3.0)
    assert (result.expected, result.tolerance) == ((80, 1.5) if where == DATA else (79, 4))
    assert "find out why" in result.detail or state == "healthy"


def test_every_bit_of_a_digest_counts(bits: Anchor) -> None:
    assert judge(bits, Measured(BITS, "here")).state == "healthy"
    result = judge(bits, Measured(OTHER, "here"))
    assert result.state == "drift"
    assert OTHER in result.detail
    assert BITS in result.detail


def test_an_unknown_platform_has_no_data_and_is_told_how_to_get_some(bits: Anchor) -> None:
    result = judge(bits, Measured(OTHER, "a new machine"))
    assert (result.state, result.latest, result.expected) == ("no data", OTHER, None)
    line = f'{{ where = "a new machine", value = "{OTHER}", source = "..." }}'
    assert line in result.detail
    assert "anchors.toml" in result.detail


def test_what_is_lacking_is_no_data_and_took_no_time(number: Anchor) -> None:
    result = judge(number, Measured(lacks="no package 'x'\nis installed"), seconds=0.2)
    assert (result.state, result.seconds) == ("no data", None)
    assert result.detail == "no package 'x' is installed"


def test_a_run_that_broke_is_drift(bits: Anchor) -> None:
    result = judge(bits, Measured(broke="the adapter at\tq is still zero", where="here"))
    assert (result.state, result.latest) == ("drift", None)
    assert result.detail == "the run broke: the adapter at q is still zero"


def test_a_hostile_path_does_not_reach_the_terminal(number: Anchor) -> None:
    result = judge(number, Measured(lacks="no file \x1b[31m\u202e here"))
    assert result.detail == "no file ?[31m? here"
