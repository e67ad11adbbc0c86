"""A registry with a little of everything in it, and the site on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from verilora.claims.envelope import sign
from verilora.claims.keys import make_key
from verilora.claims.predicates import statement_of
from verilora.records.anchor import AnchorReport
from verilora.records.claim import Claim, claim_id
from verilora.records.claim import statement_of as told_of
from verilora.records.measurement import Reported
from verilora.records.notice import Notice
from verilora.records.protocol import DIMENSIONS, Row
from verilora.records.run import Run
from verilora.records.verdict import (
    Artifact,
    Citation,
    Paper,
    PaperVersion,
    Plan,
    Verdict,
    VerdictDocument,
    Verdicts,
)
from verilora.registry.store import Registry, open_registry
from verilora.verdict.conclude import Result, Stamp, Work, conclude, preregister
from verilora.web.app import create_app
from verilora.web.finding import Site

ADDRESS = "http://testserver"
VOID = {"meta", "br", "img", "input", "link", "hr"}
DATA = "sha256:" + "d" * 64
MADE = json.loads((Path(__file__).parent / "records.json").read_bytes())
FAMILY = MADE["family"]
LORA = FAMILY[0][1]


class Page(HTMLParser):
    """Collects elements, ids and words of a page, and checks that what opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack, self.elements, self.words = [], [], []
        self.feed(text)
        assert not self.stack

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def links(self) -> list[str]:
        return [a["href"] for tag, a in self.elements if tag in ("a", "link") and a.get("href")]


class Maker:
    """Makes records, signs them with one key, and puts them into a registry."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.key = make_key("tester")

    def sign(self, record: Any) -> bytes:
        return sign(statement_of(record), self.key)

    def admit(self, record: Any) -> Any:
        return self.registry.admit(self.sign(record))

    def claim(self, subject: str, object: str = LORA, **changes: Any) -> Claim:
        predicate = changes.pop("predicate", "introduced_in_paper")
        source = MADE["source"]
        second = {**source, "ordinal": 2, "type": "github-release", "publisher": "Microsoft"}
        second |= {"url": "https://github.com/microsoft/LoRA", "quote": None}
        given = {
            "id": claim_id(subject, predicate, object=object),
            "subject": subject,
            "predicate": predicate,
            "object": object,
            "statement": told_of(subject, predicate, object=object),
            "confidence": 1.0,
            "confidence_rule": "a primary source, and an independent check",
            "tags": ("lora",),
            "sources": (source, second),
            "published_at": "2026-05-16T00:00:00Z",
            "last_verified": "2026-05-16T00:00:00Z",
        }
        return Claim.model_validate({**given, **changes})

    def notice(self, digest: str, kind: str = "retraction", **changes: Any) -> Notice:
        given = {
            "kind": kind,
            "about": digest,
            "reason": "The quote was wrong.",
            "made_at": "2026-11-20T08:00:00Z",
        }
        return Notice.model_validate({**given, **changes})

    def document(self, *values: float | None, **changes: Any) -> VerdictDocument:
        """A reproduction with these values; `states` of protocol rows may be given."""
        states, quote = changes.pop("states", {}), changes.pop("quote", "Bridges 89.7 ± .7")
        rows = tuple(_row(name, states.get(name, "same")) for name in DIMENSIONS)
        reported = Reported.model_validate(MADE["reported"])
        named = {"paper_arxiv_id": changes.get("arxiv_id", "2106.09685"), "quoted_text": quote}
        citation = Citation.model_validate({**MADE["citation"], **named})
        plan = Plan.model_validate({**MADE["plan"], "seeds": list(range(len(values)))})
        pre = preregister(
            citation,
            reported,
            plan=plan,
            protocol=rows,
            forecast=0.8,
            stamp=Stamp("test-1", "2026-11-01T00:00:00Z"),
        )
        post = conclude(
            pre,
            Work(
                self._results(values, pre, changes.get("runs", ())),
                evaluated=408,
                full_size=408,
                artifacts=tuple(map(_artifact, changes.get("artifacts", ()))),
            ),
            stamp=Stamp("test-1", "2026-11-02T00:00:00Z"),
        )
        return _document(post, pre, changes)

    def _results(self, values: Any, pre: Verdict, runs: Any) -> tuple[Result, ...]:
        digests = list(runs) or [f"sha256:{n:064x}" for n in range(len(values))]
        given = {"trainable": 1000, "losses": (0.7, 0.3), "data": DATA}
        return tuple(
            Result(seed, value, run=digests[seed], preregistration=pre.digest, **given)
            for seed, value in enumerate(values)
        )

    def run(self, seed: int = 0, **changes: Any) -> Run:
        given = {**MADE["run"], "seed": seed}
        return Run.model_validate({**given, **changes})

    def report(self) -> AnchorReport:
        """The result of one anchor."""
        return AnchorReport.model_validate({"results": [MADE["anchor"]]})

    def performance(self, entry: Any, verdict: Verdict, **changes: Any) -> Claim:
        held = {
            "verdict": entry.record_digest,
            "status": verdict.status,
            "level": verdict.protocol_match,
            "runs": verdict.runs or (),
        }
        object = "89.5 % accuracy on MRPC with 5 seeds"
        given = {"performance": held, "confidence": 0.9, "sources": (), "tags": ("lora", "mrpc")}
        given |= {"predicate": "reaches", "confidence_rule": "its verdict's"}
        return self.claim("Encoder-small (Bridges)", object, **{**given, **changes})


def _row(name: str, state: str) -> Row:
    filled = {"silent_before": "before", "silent_after": "after"}.get(state)
    given = "paper_silent" if filled else state
    told = {"paper": f"their {name}", "ours": f"our {name}", "reason": f"why {name}"}
    return Row.model_validate({"dimension": name, "state": given, "filled": filled, **told})


def _artifact(name: str) -> Artifact:
    return Artifact.model_validate({"name": name, "sha256": DATA, "size": 9, "role": "adapter"})


def _document(post: Verdict, pre: Verdict, changes: dict[str, Any]) -> VerdictDocument:
    told = {"arxiv_id": "2106.09685", "title": "Bridges: Small Adapters", "abstract": "We do."}
    told |= {name: value for name, value in changes.items() if name in told}
    paper = Paper.model_validate({**MADE["paper"], **told})
    version = PaperVersion.model_validate(
        {"version": 1, "source_url": "https://arxiv.org/abs/2106.09685"}
    )
    return VerdictDocument.model_validate(
        {
            "format": "verilora.verdict/1",
            "paper": paper,
            "latest_version": version,
            "verdict": post,
            "verdicts": Verdicts(post=post, pre=pre),
        }
    )


class Filled:
    """What the registry of the tests holds, by name."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.maker = registry, Maker(registry)
        make = self.maker
        self.claims = [make.claim(subject, object, tags=tags) for subject, object, tags in FAMILY]
        self.entries = [make.admit(claim) for claim in self.claims]
        means = [round(0.3 + 0.4 / (1 + n / 40) + 0.05 * (-1) ** n, 4) for n in range(192)]
        self.run = make.admit(make.run(0, training_loss={"every": 3, "means": means}))
        runs = (self.run.record_digest, *(f"sha256:{n:064x}" for n in range(1, 5)))
        values = tuple(100 * right / 408 for right in (361, 363, 365, 367, 369))
        files = [f"a-run-with-a-long-name-{n}/adapter/adapter_model.safetensors" for n in range(99)]
        self.document = make.document(*values, runs=runs, artifacts=files)
        self.verdict = make.admit(self.document)
        states = {"base": "different", "epochs_and_batch": "different", "optimiser": "equivalent"}
        self.proxy = make.admit(make.document(87.2, 88.1, 86.9, states=states))
        assert self.document.verdict is not None
        self.performance = make.performance(self.verdict, self.document.verdict)
        make.admit(self.performance)
        self.gone = make.claim("LoRA", tags=("lora", "fine-tuning"), distinct_from=())
        self.retracted = make.admit(self.gone)
        make.admit(make.notice(self.retracted.digest))
        make.admit(make.report())


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    path: Path = tmp_path_factory.mktemp("registry") / "registry.sqlite"
    with open_registry(f"sqlite:///{path}") as registry:
        yield Filled(registry)


@pytest.fixture(scope="session")
def client(filled: Filled) -> TestClient:
    return TestClient(create_app(Site(filled.registry, ADDRESS)))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Maker]:
    """A maker for a registry of one's own."""
    with open_registry(f"sqlite:///{tmp_path / 'registry.sqlite'}") as registry:
        yield Maker(registry)


@pytest.fixture(scope="session")
def read_page() -> Callable[[str], Page]:
    return Page


@pytest.fixture(scope="session")
def pages(filled: Filled) -> dict[str, str]:
    """Name -> path of every page."""
    bare = str.removeprefix
    return {
        "home": "/",
        "search": "/search?q=lora",
        "claims": "/claims",
        "claim": f"/claims/{filled.claims[0].id}",
        "performance": f"/claims/{filled.performance.id}",
        "retracted": f"/claims/{filled.gone.id}",
        "verdicts": "/verdicts",
        "verdict": f"/verdicts/{bare(filled.verdict.digest, 'sha256:')}",
        "proxy": f"/verdicts/{bare(filled.proxy.digest, 'sha256:')}",
        "run": f"/runs/{bare(filled.run.digest, 'sha256:')}",
        "papers": "/papers",
        "paper": "/papers/2106.09685",
        "tags": "/tags",
        "tag": "/tags/lora",
        "methodology": "/methodology",
        "anchors": "/anchors",
    }
