from __future__ import annotations

import base64
import copy
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519

from verilora.claims.curve import verify
from verilora.claims.keys import (
    find_key,
    keep_key,
    keys_in,
    load_key,
    make_key,
    public_bytes,
    read_public,
)
from verilora.errors import DataError, KeyFileError
from verilora.records.trust import decode_public

POSIX = pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's")


def secret_of(path: Path, passphrase: bytes | None = None) -> bytes:
    key: Any = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    return key.private_bytes_raw()


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_a_key_comes_back_and_signs(passphrase: bytes | None, tmp_path: Path) -> None:
    key = make_key("mine")
    path = keep_key(key, tmp_path / "keys", passphrase=passphrase)
    found = load_key(path, passphrase=passphrase)
    assert found.public == key.public
    assert verify(decode_public(key.public.x), found.sign(b"a"), message=b"a")
    assert (b"ENCRYPTED" in path.read_bytes()) == (passphrase is not None)


@POSIX
def test_a_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = keep_key(make_key(), tmp_path / "keys")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="others may read it"):
        load_key(path)


def test_no_key_is_ever_replaced(tmp_path: Path) -> None:
    path = keep_key(make_key(), tmp_path)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="no key is ever replaced"):
        keep_key(make_key(), tmp_path, force=True)
    assert path.read_bytes() == before
    (tmp_path / "other.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="is there already"):
        keep_key(make_key("other"), tmp_path)
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "other.jwk.json").exists()
    (tmp_path / "third.jwk.json").write_text("{}")
    with pytest.raises(KeyFileError, match="is there already"):
        keep_key(make_key("third"), tmp_path)
    assert not (tmp_path / "third.pem").exists()


@pytest.mark.parametrize("git", [Path.mkdir, Path.touch])  # a worktree has a file in its place
def test_a_git_work_tree_is_no_place_for_a_key(git: Any, tmp_path: Path) -> None:
    git(tmp_path / ".git")
    with pytest.raises(KeyFileError, match="git work tree"):
        keep_key(make_key(), tmp_path / "a/b")
    assert not (tmp_path / "a").exists()
    assert keep_key(make_key(), tmp_path / "a/b", force=True).exists()


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".hidden", "a" * 61, "a\0", "ä"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(KeyFileError, match="no name for a key"):
        make_key(name)


def test_a_wrong_passphrase_is_told(tmp_path: Path) -> None:
    closed = keep_key(make_key("closed"), tmp_path, passphrase=b"correct horse")
    with pytest.raises(KeyFileError, match="has a passphrase") as told:
        load_key(closed)
    assert told.value.facts["needs_passphrase"] is True
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        load_key(closed, passphrase=b"battery staple")
    with pytest.raises(KeyFileError, match="has no passphrase") as told:
        load_key(keep_key(make_key("open"), tmp_path), passphrase=b"x")
    assert told.value.facts["needs_passphrase"] is False


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    other = x25519.X25519PrivateKey.generate()
    for content in (b"", b"secret words", other.private_bytes(pem, form, NONE)):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyFileError, match="cannot be used") as told:
            load_key(path)
        assert "secret words" not in str(told.value)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_key(tmp_path / "none.pem")
    with pytest.raises(KeyFileError, match=r"it is the public key.*a\.pem is its private"):
        load_key(tmp_path / "a.jwk.json")


NONE = serialization.NoEncryption()


def test_a_secret_is_in_no_text(tmp_path: Path) -> None:
    path = keep_key(make_key(), tmp_path)
    key, secret = load_key(path), secret_of(path)
    told = f"{key} {key!r} {key.public} {vars(key)}"
    for form in (secret.hex(), base64.b64encode(secret).decode(), repr(secret)):
        assert form not in told
    with pytest.raises(TypeError, match="not copied"):
        copy.copy(key)
    assert secret not in (tmp_path / "default.jwk.json").read_bytes()


def test_a_public_key_is_a_jwk(tmp_path: Path) -> None:
    key = make_key("mine").public
    assert read_public(public_bytes(key)) == key
    nameless = f'{{"kty":"OKP","crv":"Ed25519","x":"{key.x}"}}'.encode()
    assert read_public(nameless).id == key.id


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"kty":"RSA"}',
        b'{"kty":"OKP","crv":"Ed25519"}',
        b'{"kty":"OKP","crv":"Ed25519","x":"AA"}',
        b'{"kty":"OKP","crv":"Ed25519","x":"\xc3\xa4"}',
        b'{"kty":"OKP","crv":"Ed25519","x":"' + b"A" * 43 + b'","kid":"' + b"B" * 43 + b'"}',
    ],
)
def test_what_is_no_public_key_is_refused(content: bytes) -> None:
    with pytest.raises(DataError):
        read_public(content)


def test_a_private_jwk_is_refused_unread() -> None:
    x = make_key().public.x
    content = f'{{"kty":"OKP","crv":"Ed25519","x":"{x}","d":"c2VjcmV0"}}'.encode()
    with pytest.raises(DataError, match="private key") as told:
        read_public(content)
    assert "c2VjcmV0" not in str(told.value)


def test_a_key_is_found_by_name_id_and_path(tmp_path: Path) -> None:
    key = make_key("mine")
    path = keep_key(key, tmp_path)
    assert list(keys_in(tmp_path)) == [(path, key.public)]
    for wanted in ("mine", key.id, key.id[:8], str(path)):
        assert find_key(wanted, tmp_path) == path
    for wanted in (key.id[:7], "mne"):
        with pytest.raises(KeyFileError, match="there is no key"):
            find_key(wanted, tmp_path)
    with pytest.raises(KeyFileError, match="did you mean 'mine'"):
        find_key("mne", tmp_path)


def test_keys_differ() -> None:
    assert make_key().id != make_key().id
