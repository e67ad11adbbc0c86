"""Keys that sign: made, kept and read. The secret leaves this module as signatures alone.

A key is two files in the folder of keys: NAME.pem, the private key (PKCS#8, mode 0600, with a
passphrase if wanted), and NAME.jwk.json, the public one (a JWK), which may be given to anybody.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verilora.errors import DataError, KeyFileError, nearest
from verilora.records.canonical import canonical_bytes
from verilora.records.reading import record_of
from verilora.records.strict_json import parse_strict
from verilora.records.trust import PublicKey, encode_public, thumbprint

PRIVATE, PUBLIC = ".pem", ".jwk.json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_FEWEST = 8
"""Letters of an id that may stand for it."""


@dataclass(frozen=True)
class Key:
    """A private key that signs. Its text form, and every message about it, is its id alone."""

    public: PublicKey
    _secret: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        """RFC 7638 thumbprint."""
        return self.public.id

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._secret.sign(message)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not copied to another process; load it there")


def make_key(name: str = "default") -> Key:
    """A new key, in memory alone. Raises KeyFileError for a name that no file can have."""
    if not _NAME.fullmatch(name):
        raise KeyFileError(
            f"{name!r} is no name for a key; letters, digits, '-', '_' and '.' are wanted, a "
            "letter or digit first, 60 at most",
            path=None,
        )
    return _key_of(Ed25519PrivateKey.generate(), name)


def keep_key(
    key: Key, folder: Path | str, *, passphrase: bytes | None = None, force: bool = False
) -> Path:
    """Writes both files of the key, the private one for its owner alone; its path.

    Raises KeyFileError if a key of that name is there (nothing replaces a key), or if the folder
    lies in a git work tree, where keys get published by mistake, and `force` is false.
    """
    folder = Path(folder).absolute()
    path = folder / f"{key.public.name}{PRIVATE}"
    tree = None if force else _work_tree_of(folder)
    if tree is not None:
        raise KeyFileError(
            f"{folder} lies in the git work tree {tree}, where a private key gets published by "
            "mistake; choose another --directory, or say --force",
            path=path,
        )
    kind: Any = serialization.NoEncryption()
    if passphrase:
        kind = serialization.BestAvailableEncryption(passphrase)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    content = key._secret.private_bytes(encoding, form, kind)
    public = path.with_name(key.public.name + PUBLIC)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The public file first: a private one never lies there without it.
        _write_new(public, public_bytes(key.public), mode=0o644)
        try:
            _write_new(path, content, mode=0o600)
        except OSError:
            public.unlink()
            raise
    except OSError as error:
        raise _unwritten(error, path) from error
    return path


def public_bytes(key: PublicKey) -> bytes:
    """The public key as a JWK (RFC 8037), with its id and name."""
    told = {"crv": "Ed25519", "kid": key.id, "kty": "OKP", "name": key.name, "x": key.x}
    return canonical_bytes(told) + b"\n"


def read_public(content: bytes, *, name: str = "the public key") -> PublicKey:
    """The key in the bytes of a JWK. Raises DataError for all else, a private one above all."""
    data = parse_strict(content, name=name)
    if not isinstance(data, dict) or data.get("kty") != "OKP" or data.get("crv") != "Ed25519":
        raise _no_key(name, 'a JWK with "kty": "OKP" and "crv": "Ed25519" is wanted')
    if "d" in data:
        raise _no_key(name, "it holds a private key (d), which belongs to nobody else; make a new")
    x = data.get("x")
    if not isinstance(x, str):
        raise _no_key(name, "x, the public key, is missing")
    key_id = data.get("kid", thumbprint(x))
    return record_of(PublicKey, {"id": key_id, "x": x, "name": data.get("name", key_id)}, name=name)


def load_key(path: Path | str, *, passphrase: bytes | None = None) -> Key:
    """The private key in a PEM file.

    Raises KeyFileError if it cannot be read, is none of Ed25519, may be read by others than its
    owner, or wants another passphrase (`needs_passphrase` says whether it wants one).
    """
    path = Path(path)
    if path.name.endswith(PUBLIC):
        private = path.name.removesuffix(PUBLIC) + PRIVATE
        raise _unusable(
            path, f"it is the public key, which signs nothing; {private} is its private"
        )
    content = _private_content(path)
    try:
        secret = serialization.load_pem_private_key(content, password=passphrase)
    except TypeError:
        wants = passphrase is None
        told = "has a passphrase; give it with --passphrase-file, or type it when asked"
        raise KeyFileError(
            f"{path} {told if wants else 'has no passphrase; leave it out'}",
            path=path,
            needs_passphrase=wants,
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # The library's own message is left out: nothing of the file is to be shown.
        wrong = "the passphrase is wrong, or " if passphrase else ""
        raise _unusable(path, f"{wrong}it holds no private key in PEM (PKCS#8)") from None
    if not isinstance(secret, Ed25519PrivateKey):
        raise _unusable(path, "its key is none of Ed25519; verilora keys new makes one")
    return _key_of(secret, path.name.removesuffix(PRIVATE))


def keys_in(folder: Path | str) -> Iterator[tuple[Path, PublicKey]]:
    """Each key of a folder: the path where its private file belongs, and the public key."""
    for path in sorted(Path(folder).glob(f"*{PUBLIC}")):
        name = path.name.removesuffix(PUBLIC)
        yield path.with_name(name + PRIVATE), read_public(path.read_bytes(), name=str(path))


def find_key(wanted: str, folder: Path | str) -> Path:
    """The PEM file that a name, an id (its first 8 letters will do) or a path stands for."""
    known = list(keys_in(folder))
    for path, key in known:
        begins = len(wanted) >= _FEWEST and key.id.startswith(wanted)
        if (path.name.removesuffix(PRIVATE) == wanted or begins) and path.is_file():
            return path
    if Path(wanted).is_file():
        return Path(wanted)
    names = [path.name.removesuffix(PRIVATE) for path, _ in known]
    raise KeyFileError(
        f"there is no key '{wanted}' in {folder}{nearest(wanted, names) or ';'} "
        "verilora keys list shows those that are there, verilora keys new makes one",
        path=Path(folder),
    )


def _key_of(secret: Ed25519PrivateKey, name: str) -> Key:
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    x = encode_public(secret.public_key().public_bytes(*raw))
    return Key(PublicKey(id=thumbprint(x), x=x, name=name), secret)


def _private_content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(64 * 1024)
    except OSError as error:
        raise _unusable(path, f"it cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & _OTHERS:
        raise _unusable(
            path,
            f"others may read it (mode {stat.S_IMODE(mode):04o}); chmod 600 it if nobody has, "
            "else revoke it and make a new one",
        )
    return content


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    # Exclusive, and with its rights from the first moment on: no instant in which others can read.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _work_tree_of(folder: Path) -> Path | None:
    real = folder.resolve()
    return next((place for place in (real, *real.parents) if (place / ".git").exists()), None)


def _unwritten(error: OSError, path: Path) -> KeyFileError:
    if isinstance(error, FileExistsError):
        told = (
            f"{error.filename} is there already, and no key is ever replaced; choose another name"
        )
    else:
        told = f"cannot write the key to {path}: {error.strerror}; choose another --directory"
    return KeyFileError(told, path=path)


def _unusable(path: Path, why: str) -> KeyFileError:
    return KeyFileError(f"{path} cannot be used as a key: {why}", path=path)


def _no_key(name: str, why: str) -> DataError:
    return DataError(f"{name} is no public key: {why}", file=name, line=None)
