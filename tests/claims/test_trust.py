from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from verilora.claims.envelope import sign
from verilora.claims.predicates import statement_of
from verilora.claims.trust import load_trust, read_trust, seal_trust
from verilora.errors import DataError, VerificationError
from verilora.records.claim import Claim


@pytest.fixture
def load(world: Any) -> Any:
    """Seals a trust file, writes it, loads it with what was seen before."""

    def load(trust: Any, *roots: Any) -> Any:
        path = world.folder / "trust.dsse.json"
        path.write_bytes(seal_trust(trust, roots or [world.root]))
        return load_trust(path, memory=world.folder / "seen")

    return load


def test_a_trust_file_comes_back(world: Any, load: Any) -> None:
    trust = world.trust()
    assert load(trust) == trust
    assert load(trust) == trust


def test_an_older_version_is_refused(world: Any, load: Any) -> None:
    load(world.trust(version=3))
    assert load(world.trust(version=4)).version == 4
    for version in (3, 1):
        with pytest.raises(VerificationError, match="version 4 was seen") as told:
            load(world.trust(version=version))
        assert told.value.facts["state"] == "stale-trust"


def test_a_number_is_given_once(world: Any, load: Any) -> None:
    load(world.trust())
    with pytest.raises(VerificationError, match="another version 1") as told:
        load(world.trust(keys=[]))
    assert told.value.facts["state"] == "bad-signature"


def test_roots_hand_over_to_new_roots(world: Any, load: Any) -> None:
    load(world.trust())
    new = {"version": 2, "roots": [world.stranger.public.to_mapping()]}
    with pytest.raises(VerificationError, match="the versions between the two"):
        load(world.trust(**new), world.stranger)
    assert load(world.trust(**new), world.root, world.stranger).version == 2
    assert load(world.trust(**{**new, "version": 3}), world.stranger).version == 3


def test_a_first_version_is_of_its_own_origin(world: Any) -> None:
    # Else a stranger's file would be remembered in the place of the maker's.
    with pytest.raises(ValueError, match="origin is the id of the first root"):
        world.trust(origin=world.stranger.id)


def test_other_origins_do_not_mix(world: Any, load: Any) -> None:
    load(world.trust(version=7))
    other = {"origin": world.stranger.id, "roots": [world.stranger.public.to_mapping()]}
    assert load(world.trust(**other), world.stranger).version == 1


def test_only_a_root_of_its_own_signs_it(world: Any, claim: Claim) -> None:
    with pytest.raises(DataError, match="none of the keys given"):
        seal_trust(world.trust(), [world.key])
    forged = sign(statement_of(world.trust()), world.key)
    with pytest.raises(VerificationError) as told:
        read_trust(forged)
    assert told.value.facts["state"] == "bad-signature"
    with pytest.raises(VerificationError, match="no trust file"):
        read_trust(sign(statement_of(claim), world.root))


def test_an_edited_one_is_refused(world: Any) -> None:
    envelope = json.loads(seal_trust(world.trust(), [world.root]))
    other = json.loads(seal_trust(world.trust(version=2), [world.root]))
    with pytest.raises(VerificationError, match="cannot be trusted"):
        read_trust(json.dumps({**other, "signatures": envelope["signatures"]}).encode())


def test_none_at_all_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="verilora keys trust"):
        load_trust(tmp_path / "none.json", memory=tmp_path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights bind no root")
def test_where_nothing_can_be_written_it_still_reads(world: Any) -> None:
    memory = world.folder / "seen"
    memory.mkdir(mode=0o500)
    path = world.folder / "trust.dsse.json"
    path.write_bytes(seal_trust(world.trust(), [world.root]))
    assert load_trust(path, memory=memory).version == 1


def test_a_memory_that_is_no_folder_stops_nothing(world: Any) -> None:
    (world.folder / "seen").write_text("a file")
    path = world.folder / "trust.dsse.json"
    path.write_bytes(seal_trust(world.trust(), [world.root]))
    with pytest.raises(DataError, match="cannot be read"):
        load_trust(path, memory=world.folder / "seen")


def test_a_damaged_memory_is_no_memory_of_less(world: Any, load: Any) -> None:
    load(world.trust(version=2))
    (place,) = (world.folder / "seen").glob("*.json")
    place.write_text("{}")
    with pytest.raises(DataError, match="what was seen"):
        load(world.trust())
