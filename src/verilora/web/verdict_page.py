"""A verdict's page, and what other pages show of a verdict."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from verilora.records.verdict import Verdict
from verilora.registry.views import VerdictView
from verilora.report.verdict import ICONS
from verilora.report.verdict_tables import Links as RunLinks
from verilora.report.verdict_tables import seeds_told
from verilora.verdict.meaning import cited, headline, plan_of, status_told
from verilora.web.judged import status_of, told_of
from verilora.web.links import Links, envelope_path, paper_path, verdict_path
from verilora.web.standing import SIGNATURES, Event, history_of, notices_told

MOST_DIGESTS = 60


class Item(NamedTuple):
    """A verdict in a list."""

    digest: str
    headline: str
    kind: str
    icon: str
    mark: str
    about: str
    more: str


def verdict_facts(
    view: VerdictView, links: Links, *, runs: Mapping[int, str], places: Mapping[str, str]
) -> dict[str, Any]:
    """What templates/verdict.html tells; `runs` are pages by seed, `places` by digest."""
    told = dict(told_of(view.entry.digest, view.document))
    path = verdict_path(view.entry.digest)
    told["seeds"] = seeds_told(told["verdict"], RunLinks(runs))
    told["digests"] = _first(told["digests"])
    return told | {
        "view": view,
        "entry": view.entry,
        "current": _current(view),
        "notices": notices_told(view.notices, places),
        "checks": checks_of(view, links),
        "history": history_of(view.entry, view.notices, before=_before(view)),
        "paper": (view.arxiv_id, paper_path(view.arxiv_id)) if view.arxiv_id else None,
        "signature_words": SIGNATURES,
        "twin": f"{path}.json",
        "path": path,
        "here": "/verdicts",
    }


def item_of(view: VerdictView) -> Item:
    """A verdict as a line of a list."""
    verdict, plan = view.verdict, plan_of(view.document)
    gone = view.entry.standing in ("superseded", "retracted", "disputed")
    mark = (
        f"{status_told(status_of(view))}, {view.entry.standing}"
        if gone
        else status_told(status_of(view))
    )
    if verdict.kind == "PRE":
        mark = "preregistered"
    told = _planned(verdict) or headline(verdict, plan.plan if plan else verdict.plan)
    level = f"protocol {verdict.protocol_match}" if verdict.protocol_match else ""
    day = (verdict.computed_at or view.entry.admitted_at)[:10]
    more = " · ".join(part for part in (level, day) if part)
    kind = view.entry.standing if gone else status_of(view)
    icon = ICONS[status_of(view)]
    return Item(view.entry.digest, told, kind, icon, mark, cited(verdict.claim_citation), more)


def checks_of(view: VerdictView, links: Links) -> list[tuple[str, str]]:
    """What a command shows, and the command."""
    name = f"{view.entry.digest.removeprefix('sha256:')[:12]}.dsse.json"
    signed = shlex.quote(links.outside(envelope_path(view.entry.digest)))
    document = shlex.quote(links.outside(f"{verdict_path(view.entry.digest)}.json"))
    return [
        (
            "Fetch the signed record, and check the signature with the keys that you trust:",
            f"curl -sSfo {name} \\\n{signed}\nverilora verify {name} --trust trust.dsse.json",
        ),
        (
            "Judge the document again, from the numbers in it:",
            f"curl -sSfo verdict.json \\\n{document}\nverilora judge verdict.json",
        ),
    ]


def _planned(verdict: Verdict) -> str:
    """What a preregistration fixed, in a sentence; "" of what was run."""
    plan = verdict.plan
    if verdict.kind != "PRE" or plan is None:
        return ""
    seeds = ", ".join(map(str, plan.seeds))
    return f"Fixed before the runs: seeds {seeds}; the same within {plan.margin:.3g} points."


def _first(digests: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a page has room for; all of them stand in its twin."""
    left = len(digests) - MOST_DIGESTS
    return [
        *digests[:MOST_DIGESTS],
        *([(f"{left} more", "in this page's JSON")] if left > 0 else []),
    ]


def _current(view: VerdictView) -> str:
    if view.verdict.kind == "PRE":
        return "A preregistration: it was fixed before anything was run."
    if view.is_current:
        return "This is the current verdict on this number."
    return "This is not the current verdict on this number; another one is newer or better founded."


def _before(view: VerdictView) -> list[Event]:
    verdict, pre = view.verdict, plan_of(view.document)
    events = [Event(verdict.computed_at, "Concluded.")] if verdict.computed_at else []
    if pre is not None and pre is not verdict and pre.computed_at:
        events.append(Event(pre.computed_at, "Fixed beforehand."))
    return events
