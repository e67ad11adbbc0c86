"""Whether a claim says no more than the rules would ever have given it, whoever wrote it.

A claim is written by the rules (`claims.issue`); a file may be edited afterwards. The texts that
quotes were looked for in are not at hand then, so that every quote is taken as found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verilora.claims.quotes import check_quotes, is_short
from verilora.claims.rubric import LOWEST, assess, performance_confidence
from verilora.records.claim import Claim


def unearned(claim: Claim) -> Iterator[str]:
    """What no rule would have let pass, a sentence each: too few sources, more confidence than the
    sources, or the level of the verdict, can give."""
    held = claim.performance
    if held is not None:
        most = performance_confidence(1.0, level=held.level)
    else:
        checks = check_quotes(claim.sources, {})
        yield from (fault for check in checks for fault in check.faults)
        quotes = [
            replace(check, found=bool(source.quote) and not is_short(source.quote))
            for check, source in zip(checks, claim.sources, strict=True)
        ]
        most = assess(claim.predicate, object=claim.object, sources=claim.sources, quotes=quotes)
        yield from most.faults
        if claim.confidence < LOWEST:
            yield f"confidence is {claim.confidence:.2f}; below {LOWEST:.2f} none is published"
    if claim.confidence > most.confidence and not most.faults:
        yield (
            f"confidence is {claim.confidence:.2f}, and the rules give at most "
            f"{most.confidence:.2f} ({most.rule}); a person may lower it, never raise it"
        )
