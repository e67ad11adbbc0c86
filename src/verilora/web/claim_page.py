"""A claim's page: what it says, what has become of it, what it rests on, and how to check it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote

from verilora.charts import comparison_svg
from verilora.records.claim import Claim
from verilora.registry.views import ClaimView, RelatedClaim, RunView, VerdictView
from verilora.verdict.meaning import plan_of
from verilora.web.answers import cited_as
from verilora.web.judged import told_of
from verilora.web.linked import linked_claim
from verilora.web.links import Links, claim_path, envelope_path, run_path, verdict_path
from verilora.web.standing import SIGNATURES, Event, history_of, notices_told, state_of

NOWHERE: Mapping[str, str] = {}
FORMATS = {"BibTeX": "bib", "RIS": "ris", "CSL-JSON": "csl.json", "CITATION.cff": "cff"}
"""Name -> ending of the address."""
HEIGHT = 360
"""Of an embedded claim, in CSS pixels; its width is all there is."""
LONG = 140
"""Letters of a statement beyond which it is set smaller."""


class Stated(NamedTuple):
    """A statement in its parts; joined by spaces, and a full stop, they are the statement."""

    subject: str
    predicate: str
    object: str
    is_long: bool


class Rests(NamedTuple):
    """Records of one kind that a claim rests on: what they are, and name and path of each."""

    told: str
    links: Sequence[tuple[str, str]]


class Item(NamedTuple):
    """A claim in a list."""

    id: str
    statement: str
    kind: str
    icon: str
    mark: str
    about: str
    more: str


class Beside(NamedTuple):
    """What is kept beside a claim: its runs, what is related, paths by digest, and every record of
    the claim itself."""

    runs: Sequence[RunView] = ()
    related: Sequence[Item] = ()
    places: Mapping[str, str] = NOWHERE
    versions: Sequence[ClaimView] = ()


def claim_facts(
    view: ClaimView,
    links: Links,
    *,
    verdict: VerdictView | None,
    beside: Beside | None = None,
) -> dict[str, Any]:
    """What templates/claim.html tells."""
    claim, state, beside = view.claim, state_of(view, verdict), beside or Beside()
    return {
        "claim": claim,
        "stated": stated(claim),
        "entry": view.entry,
        "kicker": "A claim about a performance" if claim.performance else "A claim about a fact",
        "state": state,
        "description": f"{claim.statement} Confidence {claim.confidence:.2f}.",
        "notices": notices_told(view.notices, beside.places),
        "tags": claim.tags,
        "cited": cited_as(view, links),
        "formats": [(name, f"/cite/{claim.id}.{ending}") for name, ending in FORMATS.items()],
        "iframe": iframe_of(claim, links),
        "oembed": _oembed(claim, links),
        "badge": f"/badge/{claim.id}.svg",
        "checks": checks_of(view, links),
        "parts": _parts(claim),
        "history": history_of(view.entry, view.notices, before=_before(view, beside.versions)),
        "related": list(beside.related),
        "signature_words": SIGNATURES,
        "twin": f"{claim_path(claim.id)}.json",
        "here": "/claims",
        "linked": linked_claim(view, state, links=links),
        "rests": rests_on(verdict, beside.runs),
        **_drawn(verdict),
    }


def item_of(view: ClaimView, verdict: VerdictView | None, *, more: str = "") -> Item:
    """A claim as a line of a list."""
    state, claim = state_of(view, verdict), view.claim
    about = f"confidence {claim.confidence:.2f}" if claim.performance is None else ""
    parts = [about, f"verified {view.last_verified[:10]}"]
    mark = state.word if claim.performance or state.kind != "stands" else ""
    told = " · ".join(part for part in parts if part)
    return Item(claim.id, claim.statement, state.kind, state.icon, mark, told, more)


def iframe_of(claim: Claim, links: Links, *, height: int = HEIGHT, widest: int = 0) -> str:
    """The snippet that shows the claim on another page; `widest` is in CSS pixels, 0 for any."""
    address = escape(links.outside(f"/embed/{claim.id}"), quote=True)
    title = escape(claim.statement, quote=True)
    limit = f";max-width:{widest}px" if widest else ""
    return (
        f'<iframe src="{address}" title="{title}" width="100%" height="{height}" '
        f'loading="lazy" style="border:0{limit}"></iframe>'
    )


def stated(claim: Claim) -> Stated:
    """The statement in parts that can be set apart; all in the subject if it is made otherwise."""
    predicate = f"{claim.predicate.strip().replace('_', ' ')}:"
    parts = (claim.subject.strip(), predicate, claim.object.strip())
    is_long = len(claim.statement) > LONG
    if " ".join(parts) + "." != claim.statement:
        return Stated(claim.statement.removesuffix("."), "", "", is_long)
    return Stated(*parts, is_long)


def rests_on(verdict: VerdictView | None, runs: Sequence[RunView]) -> list[Rests]:
    """The records behind a claim about a performance, those of the other side apart."""
    if verdict is None:
        return []
    path = verdict_path(verdict.entry.digest)
    others = set(verdict.verdict.reference_runs or ())
    ours = [one for one in runs if one.entry.record_digest not in others]
    theirs = [one for one in runs if one.entry.record_digest in others]
    plan = plan_of(verdict.document)
    reference = plan.plan.reference if plan and plan.plan else None
    other = f"Runs of {reference.name}" if reference else "The other side's runs"
    told = [Rests("It rests on", [("the verdict with all its numbers", path)])]
    return told + [
        Rests(name, [(f"seed {one.run.seed}", run_path(one.entry.digest)) for one in some])
        for name, some in (("Its runs", ours), (other, theirs))
        if some
    ]


def checks_of(view: ClaimView, links: Links) -> list[tuple[str, str]]:
    """What a command shows, and the command."""
    address = links.outside(envelope_path(view.entry.digest))
    name = f"{view.id}.dsse.json"
    fetched = f"curl -sSfo {name} \\\n{shlex.quote(address)}"
    said = (
        "Fetch the signed record, and check the signature with the keys that you trust; the second "
        "line needs no network:"
    )
    return [(said, f"{fetched}\nverilora verify {name} --trust trust.dsse.json")]


def _oembed(claim: Claim, links: Links) -> str:
    return links.outside(f"/oembed?url={quote(links.outside(claim_path(claim.id)), safe='')}")


def related_item(one: RelatedClaim, verdict: VerdictView | None) -> Item:
    """A related claim as a line of a list, with the tags it shares."""
    return item_of(one.claim, verdict, more=_shares(one.tags))


def _shares(tags: Sequence[str]) -> str:
    count = len(tags)
    shown = ", ".join(tags[:3]) + ("…" if count > 3 else "")
    return f"shares {count} tag{'' if count == 1 else 's'} ({shown})"


def _before(view: ClaimView, versions: Sequence[ClaimView]) -> list[Event]:
    events = [
        Event(
            one.claim.published_at,
            f"Published in another record, {one.entry.digest[:19]}…: {one.entry.standing}.",
        )
        for one in versions
        if one.entry.digest != view.entry.digest
    ]
    events.append(Event(view.claim.published_at, "Published."))
    if view.last_verified > view.claim.published_at:
        events.append(Event(view.last_verified, "Last verified."))
    return events


def _parts(claim: Claim) -> list[tuple[str, str]]:
    parts = [("vertical", claim.vertical), ("subject", claim.subject)]
    parts += [("predicate", claim.predicate), ("object", claim.object)]
    parts += [("confidence", f"{claim.confidence:.2f}, by: {claim.confidence_rule}")]
    for other in claim.distinct_from:
        parts.append((f"not the same as {other.id}", other.reason))
    return [*parts, ("methodology", claim.methodology)]


def _drawn(verdict: VerdictView | None) -> dict[str, Any]:
    if verdict is None:
        nothing: dict[str, Any] = {"differences": (), "reasons": [], "them": "the paper"}
        return {**nothing, "drawing": None, "box": comparison_svg, "recorded": False}
    told = told_of(verdict.entry.digest, verdict.document)
    names = ("drawing", "box", "them", "differences", "reasons")
    recorded = bool(told["verdict"].protocol)
    return {**{name: told[name] for name in names}, "recorded": recorded}
