"""Into the log, many records in one transaction.

A record is acknowledged (yielded) only when the transaction that holds it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Engine

from verilora.errors import AdmissionError
from verilora.registry import moments
from verilora.registry.batch import Batch
from verilora.registry.engine import writing
from verilora.registry.incoming import Door, Incoming, receive
from verilora.registry.views import Entry

BATCH = 1000
"""Records in one transaction."""


def admit_many(
    engine: Engine, envelopes: Iterable[bytes], *, door: Door, size: int = BATCH
) -> Iterator[Entry]:
    """Admits envelopes in order, `size` in a transaction; yields each entry once it is kept.

    Raises AdmissionError (`position` counts from 1) at the first that is refused; those before it
    are kept and were yielded.
    """
    source, done = iter(envelopes), 0
    while some := list(islice(source, size)):
        now = datetime.now(UTC)
        incoming, refused = _received(some, door, now=now)
        with writing(engine) as connection:
            batch = Batch(connection, moments.told(now))
            refused = batch.take(incoming) or refused
        yield from batch.entries
        done += len(batch.entries)
        if refused is not None:
            raise _placed(refused, done + 1)


def _received(
    contents: list[bytes], door: Door, *, now: datetime
) -> tuple[list[Incoming], AdmissionError | None]:
    """The records up to the first that is refused, and why it is."""
    incoming: list[Incoming] = []
    for content in contents:
        try:
            incoming.append(receive(content, door, now=now))
        except AdmissionError as error:
            return incoming, error
    return incoming, None


def _placed(error: AdmissionError, position: int) -> AdmissionError:
    placed = AdmissionError(str(error), **{**error.facts, "position": position})
    placed.__cause__ = error.__cause__
    return placed
