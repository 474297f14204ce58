"""AES-256-GCM with a header that names version and key, bound to the place it stands in; blind indexes. Pure.

A seal: 1 byte version, 4 bytes key id, 12 bytes nonce, the ciphertext, 16 bytes tag.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION: Final = b"\x01"
KEY_ID_BYTES: Final = 4
NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = len(VERSION) + KEY_ID_BYTES


class BadSeal(Exception):
    """Tampered with, cut, or taken from another place, person or key."""


@dataclass(frozen=True, slots=True)
class Key:
    """256 bits, and a name for them that tells nothing of them."""

    secret: bytes = field(repr=False)
    id: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a seal stands and whose it is: it opens nowhere else."""

    table: str
    column: str
    row: str
    owner: str


def key_of(secret: bytes) -> Key:
    if len(secret) != 32:
        raise ValueError("a key has 32 bytes")
    return Key(secret, hashlib.sha256(b"venmo-api key id" + secret).digest()[:KEY_ID_BYTES])


def seal(key: Key, place: Place, plain: bytes, *, nonce: bytes) -> bytes:
    """``nonce`` must be new for this key: 12 random bytes."""
    header = VERSION + key.id
    return header + nonce + AESGCM(key.secret).encrypt(nonce, plain, _bound(header, place))


def unseal(key: Key, place: Place, sealed: bytes) -> bytes:
    """Raises BadSeal."""
    header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + NONCE_BYTES]
    if header != VERSION + key.id:
        raise BadSeal("sealed by another version or key")
    try:
        return AESGCM(key.secret).decrypt(nonce, sealed[_HEADER_BYTES + NONCE_BYTES :], _bound(header, place))
    except (InvalidTag, ValueError):
        raise BadSeal("changed, or moved from another place") from None


def hash_of(address: str) -> bytes:
    """What stands for an address where somebody looks for it without telling it."""
    return hashlib.sha256(address.encode()).digest()


def blind(secret: bytes, number: int, *, kind: str, hashed: bytes) -> str:
    """What an address is found by, from its hash: begins with the number of its key, tells nothing of the address."""
    digest = hmac.digest(secret, hashed + kind.encode(), "sha256")
    return f"{number}.{urlsafe_b64encode(digest).decode().rstrip('=')}"


def _bound(head: bytes, place: Place) -> bytes:
    parts = (head, *(part.encode() for part in (place.table, place.column, place.row, place.owner)))
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
