"""Templates to pages: all that is put in is escaped, what is missing is an error.

The styles and the small script are files whose addresses hold the digest of their bytes.
"""

from __future__ import annotations

import functools
import hashlib
import re
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined

from verilora import __version__
from verilora.web import links as addresses
from verilora.web.links import Links

STYLES = ("templates/report.css", "templates/verdict.css", "web/templates/site.css")
SCRIPT, ICON = ("web/templates/copy.js",), ("web/templates/icon.svg",)
KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
SAFE = re.compile(r"https?://[^\s<>\"']+")


def fill(template: str, links: Links, **facts: Any) -> str:
    """The page made of a file in web/templates/ and of facts."""
    return (
        _environment()
        .get_template(template)
        .render(links=links, version=__version__, files=_addresses(), **facts)
    )


@functools.cache
def files() -> dict[str, bytes]:
    """Path -> bytes of each file that the pages load: "/static/site-0123456789ab.css"."""
    found = {}
    for name, ending, parts in (
        ("site", "css", STYLES),
        ("copy", "js", SCRIPT),
        ("icon", "svg", ICON),
    ):
        content = b"\n".join((resources.files("verilora") / part).read_bytes() for part in parts)
        digest = hashlib.sha256(content).hexdigest()[:12]
        found[f"/static/{name}-{digest}.{ending}"] = content
    return found


def safe_link(address: str) -> str:
    """The address if it leads to the web, else ""; nothing else may become a link."""
    return address if SAFE.fullmatch(address) else ""


@functools.cache
def _addresses() -> dict[str, str]:
    return {path.rpartition(".")[2]: path for path in files()}


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("verilora.web"), PrefixLoader({"shared": PackageLoader("verilora")})]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "unbroken": _unbroken,
        "day": lambda moment: str(moment)[:10],
        "moment": _moment,
        "safe_link": safe_link,
        "short": lambda digest: digest.removeprefix("sha256:")[:12],
        "bare": lambda digest: digest.removeprefix("sha256:"),
    }
    environment.globals |= {
        name: getattr(addresses, name)
        for name in ("claim_path", "verdict_path", "run_path", "paper_path", "tag_path")
    } | {"envelope_path": addresses.envelope_path, "payload_path": addresses.payload_path}
    return environment


def _unbroken(text: str) -> str:
    """The text with numbers that no line end parts from their unit or spread."""
    return text.replace(" %", "\u00a0%").replace(" ± ", "\u00a0±\u00a0")


def _moment(text: str) -> str:
    """ "2026-11-22 01:30 UTC"."""
    return f"{text[:10]} {text[11:16]} UTC" if len(text) >= 16 else text
