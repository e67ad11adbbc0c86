"""Results in plain words."""

from __future__ import annotations

from typing import Any

from verilora.verdict.words import interval_told, points, summary


def test_summaries(kit: Any) -> None:
    reported = kit.reported()

    def told(*values: float, decision: str | None) -> str:
        return summary(reported, kit.measured(*values), margin=1.4, decision=decision)

    assert told(*kit.values(89.5), decision="equivalent") == (
        "5 runs gave 89.5 ± 0.6; the paper says 89.7 ± 0.7; the same within 1.4."
    )
    assert told(*kit.values(86.0), decision="different").endswith(
        "; 3.7 below, which is more than 1.4."
    )
    assert told(89.0, decision=None) == (
        "1 run gave 89.0; the paper says 89.7 ± 0.7; "
        "whether that is the same within 1.4 is not settled."
    )


def test_another_reference_is_named(kit: Any) -> None:
    plain = kit.reported(spread=None, value=80.33, decimals=2)
    them = "full fine-tuning gave"
    told = summary(plain, kit.measured(80.0, 81.0), margin=1.5, decision="equivalent", them=them)
    assert told == ("2 runs gave 80.50 ± 0.71; full fine-tuning gave 80.33; the same within 1.5.")


def test_units_of_differences() -> None:
    assert points("percent") == "points"
    assert points("loss") == "loss"
    told = interval_told(-0.0001, 0.5, margin=1.4, unit="percent")
    assert told == "the 90 % interval of the difference is [0, 0.5], the margins are ±1.4 points"
