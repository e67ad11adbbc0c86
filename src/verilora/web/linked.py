"""A claim as JSON-LD, in the words of schema.org: what search engines read on its page."""

from __future__ import annotations

from typing import Any

from verilora.registry.views import ClaimView
from verilora.web.links import Links, claim_path, envelope_path
from verilora.web.standing import State


def linked_claim(view: ClaimView, state: State, *, links: Links) -> dict[str, Any]:
    """A schema.org Claim with its sources; plain data, to be escaped where it is put in."""
    claim, address = view.claim, links.outside(claim_path(view.id))
    return {
        "@context": "https://schema.org",
        "@type": "Claim",
        "@id": address,
        "url": address,
        "identifier": [claim.id, view.entry.digest],
        "name": claim.statement,
        "creativeWorkStatus": state.word,
        "keywords": list(claim.tags),
        "datePublished": claim.published_at,
        "dateModified": view.last_verified,
        "citation": [
            {
                "@type": "CreativeWork",
                "name": source.title,
                "url": source.url,
                "publisher": {"@type": "Organization", "name": source.publisher},
                **({"datePublished": source.published} if source.published else {}),
            }
            for source in claim.sources
        ],
        "encoding": {
            "@type": "MediaObject",
            "encodingFormat": "application/json",
            "contentUrl": links.outside(envelope_path(view.entry.digest)),
        },
    }
