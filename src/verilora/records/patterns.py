"""Patterns of the texts in records, and in words what each of them wants."""

from __future__ import annotations

DIGEST = r"^sha256:[0-9a-f]{64}$"
HEX = r"^[0-9a-f]{64}$"
EITHER = r"^(sha256:)?[0-9a-f]{64}$"
CLAIM_ID = r"^[0-9a-f]{16}$"
THUMBPRINT = r"^[A-Za-z0-9_-]{43}$"
BASE64 = r"^[A-Za-z0-9+/]*={0,2}$"
PART = r"^[^|]*[^|\s][^|]*$"
PREDICATE = r"^[a-z0-9]+(_[a-z0-9]+)*$"
SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
URL = r"^https?://[^\s<>\"'\\]+$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
RULE = r"^EV-[0-9]{3}$"

WANTED = {
    DIGEST: "'sha256:' and 64 small hex digits",
    HEX: "64 small hex digits",
    EITHER: "64 small hex digits, with 'sha256:' before them or without",
    CLAIM_ID: "16 small hex digits, as verilora claim id prints them",
    THUMBPRINT: "43 letters of base64url, as verilora keys list prints them",
    BASE64: "base64, with its padding",
    PART: "text that is not empty and has no bar (|), which stands between the parts of an id",
    PREDICATE: "words of small letters with single underscores between, as introduced_in_paper",
    SLUG: "small letters and digits with single hyphens between, as fine-tuning",
    URL: "an address that begins with https:// or http://, without spaces",
    DAY: "a day, as 2021-06-17",
    MOMENT: "a time in UTC, as 2026-05-16T00:00:00Z",
    RULE: "the name of a rule, as EV-001",
}
