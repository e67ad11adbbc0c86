"""The routes of frames, badges and citations."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("what", ["embed/{}", "badge/{}.svg", "cite/{}.bib"])
def test_each_answers_for_a_claim_and_for_none(what: str, client, filled) -> None:
    assert client.get("/" + what.format(filled.claims[0].id)).status_code == 200
    for other in ("0" * 16, "zz", "A" * 16):
        assert client.get("/" + what.format(other)).status_code == 404


def test_a_frame_holds_no_script(client, filled, read_page) -> None:
    page = read_page(client.get(f"/embed/{filled.performance.id}").text)
    tags = [tag for tag, _ in page.elements]
    assert "script" not in tags
    assert tags.count("svg") == 1
    (link,) = [attrs for tag, attrs in page.elements if tag == "a"]
    assert (link["target"], link["rel"]) == ("_blank", "noopener")
