"""Every page opens, is sound, and tells what it is about."""

from __future__ import annotations

import pytest

NAMES = (
    "home search claims claim performance retracted verdicts verdict proxy run papers paper tags "
    "tag methodology anchors"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_every_page_is_sound_and_small(name, client, pages, read_page) -> None:
    answer = client.get(pages[name])
    assert answer.status_code == 200, answer.text
    assert len(answer.content) <= 30 * 1024
    page = read_page(answer.text)
    ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    tags = [tag for tag, _ in page.elements]
    assert len(ids) == len(set(ids))
    assert (tags.count("h1"), tags.count("main")) == (1, 1)
    assert not any("style" in attrs for _, attrs in page.elements)
    assert not {"iframe", "object", "style"} & set(tags)
