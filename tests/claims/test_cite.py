"""Every format is read back, whatever signs the claim holds, and has id and digest."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from verilora.claims.cite import FORMATS, cite, shorten_digest
from verilora.records.claim import Claim
from verilora.records.strict_json import text_fault

Make = Callable[..., Claim]
DIGEST = "sha256:" + "0123456789abcdef" * 4
SHORT = "sha256:0123456789ab"
URL = "https://example.org/c/1?a=b&c=%7B_d"
HARD = [
    r"50 % & more_than #1 {brace} ~x^2 $5 \end{document}",
    "# not: a [heading](javascript:x) *and* <script>alert(1)</script>",
    "- key: 'value' \"quoted\" ! @ `tick` / no: yes",
    "ER  - TY  - JOUR",
    "null",
    "1. a list? } {",
    "Größe ± 0.7 — 数 ✓",
]
# A bar stands in no part of a claim.
TEXTS = st.text(min_size=1, max_size=60).map(lambda text: " ".join(text.replace("|", "/").split()))
SOUND = TEXTS.filter(lambda text: text and text_fault(text) is None)


def read_tex(text: str) -> str:
    """What TeX sets: the escapes undone."""
    words = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^"}
    words |= {"textbraceleft": "{", "textbraceright": "}"}
    pattern = r"\\(text[a-z]+)\{\}|\\([&%$#_])"
    return re.sub(pattern, lambda found: words.get(found[1], found[2]), text)


def read_bibtex(text: str) -> dict[str, str]:
    fields = re.findall(r"^  (\w+) = \{(.*)\},$", text, re.M)
    assert re.match(r"@misc\{verilora-[0-9a-f]{16},\n", text)
    assert text.endswith("\n}\n")
    assert text.count("\n") == len(fields) + 2
    return dict(fields)


def read_ris(text: str) -> list[tuple[str, str]]:
    assert text.endswith("\r\n")
    lines = text.split("\r\n")[:-1]
    return [(line[:2], line[6:]) for line in lines if re.match(r"[A-Z][A-Z0-9]  - ", line)]


def unbraced(value: str) -> str:
    assert (value[0], value[-1]) == ("{", "}")
    return value[1:-1]


def balanced(text: str) -> bool:
    """As BibTeX counts: every brace, escaped or not."""
    depth = 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("hard", HARD)
def test_every_format_names_id_and_digest(make_claim: Make, format_: str, hard: str) -> None:
    claim = make_claim(hard, hard)
    told = cite(claim, DIGEST, format=format_, url=URL)
    assert claim.id in told
    assert SHORT in told
    assert told.endswith("\n")
    assert "2026-01-01" in told or "2026/01/01" in told


@settings(max_examples=80, deadline=None)
@given(subject=SOUND, object_=SOUND)
def test_every_text_comes_back(make_claim: Make, subject: str, object_: str) -> None:
    claim = make_claim(subject, object_, tags=["lora", "a-b"])
    title = claim.statement.removesuffix(".")
    fields = read_bibtex(cite(claim, DIGEST, format="bibtex", url=URL))
    assert read_tex(unbraced(fields["title"])) == title
    tags = read_ris(cite(claim, DIGEST, format="ris", url=URL))
    assert dict(tags)["TI"] == " ".join(title.split())
    assert [tags[0], tags[-1]] == [("TY", "GEN"), ("ER", "")]
    assert [value for tag, value in tags if tag == "KW"] == ["lora", "a-b"]
    assert json.loads(cite(claim, DIGEST, format="csl"))[0]["title"] == title
    assert yaml.safe_load(cite(claim, DIGEST, format="cff", url=URL))["title"] == title


@pytest.mark.parametrize("hard", HARD)
def test_bibtex_keeps_its_braces(make_claim: Make, hard: str) -> None:
    title = read_bibtex(cite(make_claim(hard), DIGEST, format="bibtex"))["title"]
    assert balanced(title)
    assert not re.search(r"(?<!\\)[&%$#_]", title)


@pytest.mark.parametrize("hard", HARD)
def test_markdown_shows_the_statement_and_makes_one_link(make_claim: Make, hard: str) -> None:
    claim = make_claim(hard)
    told = cite(claim, DIGEST, format="markdown", url=URL)
    statement = told.partition(f" — [verilora claim {claim.id}](<{URL}>)")[0]
    assert html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", statement)) == claim.statement
    assert not re.search(r"(?<!\\)[<*_`\[\]&$]|^(\d+\.|[-+#])", statement)


def test_the_line_is_one_line(make_claim: Make) -> None:
    claim = make_claim("Low-Rank Adaptation (LoRA)")
    assert cite(claim, DIGEST, format="plain", url="https://example.org/x") == (
        "Low-Rank Adaptation (LoRA) introduced in paper: LoRA: Low-Rank Adaptation of Large "
        "Language Models (Hu et al., 2021). — verilora claim d7b97d1b93d8d8bc (verified "
        "2026-01-01, sha256:0123456789ab). https://example.org/x\n"
    )


def test_cff_has_what_its_schema_wants(make_claim: Make) -> None:
    told = yaml.safe_load(cite(make_claim("LoRA"), DIGEST, format="cff", author="A\nB: c"))
    assert {"cff-version", "message", "title", "authors"} <= told.keys()
    assert told["authors"] == [{"name": "A B: c"}]
    assert told["date-released"] == "2026-01-01"
    assert told["identifiers"][1]["value"] == DIGEST
    assert "url" not in told


def test_an_address_in_bibtex_cannot_end_its_field(make_claim: Make) -> None:
    told = cite(make_claim("LoRA"), DIGEST, format="bibtex", url="https://x.y/}\\a%20b")
    assert read_bibtex(told)["url"] == "https://x.y/%7D%5Ca%20b"


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"format": "endnote"}, "one of markdown, plain"),
        ({"format": "plain", "url": "javascript:x"}, "http or https"),
        ({"format": "plain", "url": "https://x.y/ z"}, "http or https"),
    ],
)
def test_what_cannot_be_cited_is_refused(
    make_claim: Make, named: dict[str, str], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        cite(make_claim("LoRA"), DIGEST, **named)


def test_a_digest_is_whole() -> None:
    assert shorten_digest(DIGEST) == SHORT
    with pytest.raises(ValueError, match="64 hex"):
        shorten_digest("sha256:0123")
