"""Addresses of the site: from the root where a server answers, relative where files are read."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

HEX = "sha256:"


@dataclass(frozen=True)
class Links:
    """How one page names the others.

    `address` is that of the site from outside; `depth` counts the folders above a page that is
    read as a file, and is None where a server answers.
    """

    address: str
    depth: int | None = None

    def page(self, path: str) -> str:
        """The link to a page: "/claims/0f…", or "../claims/0f….html"."""
        if self.depth is None:
            return path
        name = path.strip("/") or "index"
        return f"{'../' * self.depth}{name}.html"

    def file(self, path: str) -> str:
        """The link to anything with an ending of its own."""
        return path if self.depth is None else f"{'../' * self.depth}{path.lstrip('/')}"

    def outside(self, path: str) -> str:
        """The whole address, as others link to it."""
        return f"{self.address.rstrip('/')}{path}"


def claim_path(claim: str) -> str:
    """A claim's page."""
    return f"/claims/{claim}"


def verdict_path(digest: str) -> str:
    """A verdict's page; the digest goes without its "sha256:"."""
    return f"/verdicts/{digest.removeprefix(HEX)}"


def run_path(digest: str) -> str:
    """A run's page."""
    return f"/runs/{digest.removeprefix(HEX)}"


def paper_path(arxiv_id: str) -> str:
    """A paper's page; old numbers have a slash in them."""
    return f"/papers/{quote(arxiv_id)}"


def tag_path(tag: str) -> str:
    """A tag's page."""
    return f"/tags/{quote(tag)}"


def tag_feed_path(tag: str) -> str:
    """The feed of the claims that bear a tag."""
    return f"{tag_path(tag)}.atom"


def envelope_path(digest: str) -> str:
    """The signed record, as a file to verify."""
    return f"/api/v1/envelopes/{digest.removeprefix(HEX)}.dsse.json"


def payload_path(digest: str) -> str:
    """The bytes that were signed, which never change: their SHA-256 is in the address."""
    return f"/api/v1/payloads/{digest.removeprefix(HEX)}.json"
