"""The next version of a trust file: a key more, one revoked, other roots, a later end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from verilora.errors import DataError, nearest
from verilora.records.reading import record_of
from verilora.records.trust import PublicKey, Revocation, Trust, TrustedKey

DAYS = 365
"""How long a trust file counts where nobody says otherwise."""


def begin(root: PublicKey, *, now: datetime, days: int = DAYS) -> Trust:
    """The first version: one root, and no key yet."""
    return Trust(
        origin=root.id,
        version=1,
        issued_at=moment(now),
        expires_at=moment(now + timedelta(days=days)),
        roots=(root,),
    )


def renew(trust: Trust, *, now: datetime, days: int = DAYS) -> Trust:
    """The same with the next number, issued now."""
    return trust.replace(
        version=trust.version + 1,
        issued_at=moment(now),
        expires_at=moment(now + timedelta(days=days)),
    )


def with_key(trust: Trust, key: TrustedKey) -> Trust:
    """With the key, in place of what was said of it before; a revoked one stays revoked."""
    before = trust.find(key.id)
    if before is not None and before.revoked is not None:
        raise _refused(f"the key '{before.name}' ({key.id}) was revoked; make a new one")
    kept = tuple(other for other in trust.trusted if other.id != key.id)
    return _checked(trust, trusted=[one.to_mapping() for one in (*kept, key)])


def with_revoked(trust: Trust, wanted: str, *, revocation: Revocation) -> Trust:
    """With the key of that name or id revoked."""
    key = find_in(trust, wanted)
    kept = tuple(other for other in trust.trusted if other.id != key.id)
    return trust.replace(trusted=(*kept, key.replace(revoked=revocation)))


def with_roots(trust: Trust, *, added: Iterable[PublicKey], dropped: Iterable[str]) -> Trust:
    """With other roots; the file is to be signed by one that was a root before, too."""
    gone = set(dropped)
    unknown = sorted(gone - {key.id for key in trust.roots})
    if unknown:
        raise _refused(f"{', '.join(unknown)} is no root of it")
    roots = {key.id: key for key in (*trust.roots, *added) if key.id not in gone}
    if not roots:
        raise _refused("it would have no root left; add the new one first")
    return _checked(trust, roots=[key.to_mapping() for key in roots.values()])


def with_threshold(trust: Trust, counts: Mapping[str, int]) -> Trust:
    """With other numbers of keys that have to sign a record of a kind; 1 is said by saying nothing.

    Raises DataError if fewer keys may sign such a record than are wanted.
    """
    merged = {**trust.threshold, **counts}
    return _checked(trust, threshold={role: n for role, n in merged.items() if n > 1})


def find_in(trust: Trust, wanted: str) -> TrustedKey:
    """The key of that name or id. Raises DataError if there is none, or more than one."""
    found = [key for key in trust.trusted if wanted in (key.id, key.name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise _refused(f"{len(found)} keys are named '{wanted}'; say the id of one")
    close = nearest(wanted, [key.name for key in trust.trusted])
    raise _refused(f"it has no key '{wanted}'{close or '; verilora keys list shows its keys'}")


def moment(time: datetime) -> str:
    """A record's form of a time, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _checked(trust: Trust, **changes: Any) -> Trust:
    return record_of(Trust, {**trust.to_mapping(), **changes}, name="the trust file")


def _refused(why: str) -> DataError:
    return DataError(f"the trust file cannot be changed so: {why}", file=None, line=None)
