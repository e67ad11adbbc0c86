"""Filling a template: escaped, and nothing missing."""

from __future__ import annotations

import jinja2
import pytest

from verilora.report.page import fill


def test_a_fact_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        fill("report.html", run=None)
