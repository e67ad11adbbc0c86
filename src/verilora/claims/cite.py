"""A claim as a citation: a line, BibTeX, RIS, CSL-JSON or CITATION.cff.

Every form names the claim's id and the first digits of the digest of what is cited, so that a
reader can tell whether he has the same. Every text is escaped for its format. Pure; no clock.

Sources: BibTeX's btxdoc; RIS as Reference Manager writes it; CSL 1.0.2; Citation File Format 1.2.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

import yaml

from verilora.records.claim import Claim

Format = Literal["markdown", "plain", "bibtex", "ris", "csl", "cff"]
FORMATS: tuple[Format, ...] = get_args(Format)
AUTHOR = "verilora"
"""Who is named where nobody else is."""
SHOWN = 12
"""Digits of the digest that a citation has."""
# libyaml's writer where it is there, which is much faster.
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TEX = {
    "\\": r"\textbackslash{}",
    # BibTeX counts braces, a backslash before them or not.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}
_MARKDOWN = re.compile(r"[\\`*_\[\]<>&~$]|^[-+#]")


@dataclass(frozen=True)
class Cited:
    """What every format tells of."""

    claim: Claim
    digest: str
    url: str | None
    author: str

    @property
    def short(self) -> str:
        """ "sha256:0123456789ab"."""
        return shorten_digest(self.digest)

    @property
    def day(self) -> str:
        """When the claim was last verified: "2026-05-16"."""
        return self.claim.last_verified[:10]

    @property
    def title(self) -> str:
        """The statement without its full stop."""
        return self.claim.statement.removesuffix(".")

    @property
    def note(self) -> str:
        """Id, digest and date in words."""
        return f"Claim {self.claim.id}, {self.short}, verified {self.day}"


def cite(
    claim: Claim, digest: str, *, format: Format, url: str | None = None, author: str = AUTHOR
) -> str:
    """The citation of a claim in one format, with a line break at its end.

    `digest` is that of what is cited (of a signed claim the payload's), `url` where it stands.
    Raises ValueError for an unknown format, a digest that is none, an address that is not http(s).
    """
    if format not in WRITERS:
        raise ValueError(f"format is {format!r}; one of {', '.join(FORMATS)} is wanted")
    if url is not None and not _is_web(url):
        raise ValueError(f"url is {url!r}; an http or https address is wanted")
    return WRITERS[format](Cited(claim, digest, url, " ".join(author.split()) or AUTHOR))


def shorten_digest(digest: str) -> str:
    """ "sha256:0123456789ab" of a whole digest. Raises ValueError for what is none."""
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ValueError(f"digest is {digest!r}; sha256: and 64 hex digits are wanted")
    return digest[: len("sha256:") + SHOWN]


def _is_web(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https") and not re.search(r"[\s<>\"'\x00-\x1f]", url)


def _plain(cited: Cited) -> str:
    where = f" {cited.url}" if cited.url else ""
    told = f"{cited.author} claim {cited.claim.id} (verified {cited.day}, {cited.short})."
    return f"{cited.claim.statement} — {told}{where}\n"


def _markdown(cited: Cited) -> str:
    name = f"{_escape_markdown(cited.author)} claim {cited.claim.id}"
    link = f"[{name}](<{cited.url}>)" if cited.url else name
    statement = _escape_markdown(cited.claim.statement)
    return f"{statement} — {link} (verified {cited.day}, `{cited.short}`).\n"


def _bibtex(cited: Cited) -> str:
    fields = {
        "author": f"{{{_escape_tex(cited.author)}}}",
        # Braces of their own keep the case of names: LoRA, not Lora.
        "title": f"{{{_escape_tex(cited.title)}}}",
        "year": cited.day[:4],
        "month": str(int(cited.day[5:7])),
        "note": _escape_tex(cited.note),
    }
    if cited.url:
        # url takes its text as it is; what would end the field or the line is percent-coded.
        fields["url"] = re.sub(r"[{}\\%]", _percent_coded, cited.url)
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{verilora-{cited.claim.id},", *lines, "}", ""])


def _ris(cited: Cited) -> str:
    tags = [
        ("TY", "GEN"),
        ("ID", cited.claim.id),
        ("AU", cited.author.replace(",", " ")),
        ("TI", cited.title),
        ("PY", cited.day[:4]),
        ("DA", cited.day.replace("-", "/")),
        ("N1", cited.note),
        *(("KW", tag) for tag in cited.claim.tags),
        *((("UR", cited.url),) if cited.url else ()),
        ("ER", ""),
    ]
    # A break inside a value would begin a new tag; records are read with CR LF.
    return "".join(f"{tag}  - {' '.join(value.split())}\r\n" for tag, value in tags)


def _csl(cited: Cited) -> str:
    item = {
        "id": f"verilora-{cited.claim.id}",
        "type": "document",
        "title": cited.title,
        "author": [{"literal": cited.author}],
        "issued": {"date-parts": [[int(part) for part in cited.day.split("-")]]},
        "note": cited.note,
        "keyword": ", ".join(cited.claim.tags),
    }
    if cited.url:
        item["URL"] = cited.url
    return json.dumps([item], ensure_ascii=False, indent=2) + "\n"


def _cff(cited: Cited) -> str:
    document = {
        "cff-version": "1.2.0",
        "message": "To cite this claim, use what stands here.",
        "type": "dataset",
        "title": cited.title,
        "authors": [{"name": cited.author}],
        "date-released": cited.day,
        "version": cited.short,
        "identifiers": [
            {"type": "other", "value": cited.claim.id, "description": "id of the claim"},
            {"type": "other", "value": cited.digest, "description": "digest of what is cited"},
        ],
    }
    if cited.claim.tags:
        document["keywords"] = list(cited.claim.tags)
    if cited.url:
        document["url"] = cited.url
    # One line for each value, however long: a fold is hard to read back by eye.
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6)


def _escape_tex(text: str) -> str:
    return "".join(_TEX.get(sign, sign) for sign in text)


def _escape_markdown(text: str) -> str:
    # A number with a point at the beginning of a line would begin a list.
    escaped = _MARKDOWN.sub(r"\\\g<0>", text)
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", escaped)


def _percent_coded(found: re.Match[str]) -> str:
    # A percent sign that codes a byte already is left; TeX's url package takes it as it is.
    return found[0] if found[0] == "%" else f"%{ord(found[0]):02X}"


WRITERS: dict[Format, Callable[[Cited], str]] = {
    "markdown": _markdown,
    "plain": _plain,
    "bibtex": _bibtex,
    "ris": _ris,
    "csl": _csl,
    "cff": _cff,
}
