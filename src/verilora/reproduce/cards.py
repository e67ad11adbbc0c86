"""The verdict, put into the model card of each adapter that it rests on."""

from __future__ import annotations

from verilora.atomic import write_whole
from verilora.lora.formats.peft.card_measured import card_with_verdict
from verilora.lora.formats.peft.names import CARD
from verilora.records.canonical import digest_file
from verilora.records.verdict import Verdict, VerdictDocument
from verilora.reproduce.conclusion import run_directories
from verilora.reproduce.directory import Place
from verilora.verdict.judge import verdict_of
from verilora.verdict.meaning import headline, level_told, meaning_of, plan_of, status_told


def write_cards(place: Place, pre: Verdict, *, document: VerdictDocument) -> int:
    """How many cards were changed: those of the runs' adapters that do not say it yet.

    The card is no part of what is signed or judged; the same verdict gives the same bytes.
    """
    verdict = verdict_of(document)
    if verdict is None or not place.verdict_file.is_file():
        return 0
    rows = {"verdict.json": digest_file(place.verdict_file), "preregistration": pre.digest}
    changed = 0
    for _, directory in run_directories(place, pre):
        path = directory / "adapter" / CARD
        if path.is_file():
            before = path.read_bytes()
            card = card_with_verdict(before, told=sentences(document, verdict), rows=rows)
            if card != before:
                write_whole(path, card)
                changed += 1
    return changed


def sentences(document: VerdictDocument, verdict: Verdict) -> list[str]:
    """Status, numbers and level, and how to check them."""
    pre = plan_of(document)
    plan = pre.plan if pre else verdict.plan
    level = verdict.protocol_match or "unknown"
    meaning = meaning_of(verdict.status, plan=plan, compared=verdict.measured is not None)
    return [
        headline(verdict, plan),
        f"{status_told(verdict.status)}: {meaning}.",
        f"Protocol match: {level} ({level_told(level, plan)}).",
        "It is about all runs of the reproduction, of which this adapter is one. With the "
        "directory of the reproduction, verilora judge decides it again by its rules, and "
        "verilora verify checks who signed it and that the files are those.",
    ]
