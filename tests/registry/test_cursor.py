"""Cursors: good for their own list, as they came, and for nothing else."""

from __future__ import annotations

import base64

import pytest

from verilora.errors import RegistryError
from verilora.registry.cursor import decode, decode_sequence, encode, page_of, refuse_limit


def test_a_cursor_gives_back_its_key() -> None:
    assert decode("papers", encode("papers", "2106.09685")) == "2106.09685"
    assert decode_sequence("claims", encode("claims", 12)) == 12
    assert decode_sequence("claims", None) == 2**31 - 1


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "ä", "Y2xhaW1z", encode("papers", 1), encode("claims", ""), encode("claims", 1) + "="]
    + [encode("claims", told) for told in ("-1", "1.5", "x", "²", "9" * 9000, 2**31)]
    + [base64.b64encode(b"\xff\xfe").decode()],
)
def test_what_is_no_cursor_of_the_list_is_refused(cursor: str) -> None:
    with pytest.raises(RegistryError, match="list"):
        decode_sequence("claims", cursor)


def test_the_name_of_a_list_may_hold_anything() -> None:
    for name in ("verdicts-None-a:b", "claims-\ud800", ""):
        assert decode(name, encode(name, "a:b")) == "a:b"


def test_a_page_knows_whether_the_list_goes_on() -> None:
    whole = page_of([3, 2], 2, make=lambda some: some, cursor=str)
    part = page_of([3, 2, 1], 2, make=lambda some: some, cursor=str)
    assert (whole.items, whole.next_cursor) == ((3, 2), None)
    assert (part.items, part.next_cursor) == ((3, 2), "2")


def test_limits_are_held() -> None:
    refuse_limit(1)
    refuse_limit(50, 50)
    for limit in (0, -1, 201):
        with pytest.raises(RegistryError, match=str(limit)):
            refuse_limit(limit)
