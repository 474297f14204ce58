"""ES256 signatures over JSON Web Tokens, by PyJWT, and keyed hashes; two keys while they are exchanged."""

import hmac
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "ES256"
REQUIRED = ["exp", "iat", "aud", "iss", "sub"]


class BadToken(Exception):
    """Not a token one of these keys signed."""


class Key:
    """A P-256 key; ``id`` is its thumbprint (RFC 7638), ``public`` its JWK."""

    def __init__(self, private_key_pem: str) -> None:
        key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the signing key must be an EC private key on P-256, in PEM")
        self.private, self.verifying = key, key.public_key()
        secret = key.private_numbers().private_value.to_bytes(32, "big")
        self._hash_key = HKDF(hashes.SHA256(), 32, salt=None, info=b"venmo-api keyed hash").derive(secret)
        point = self.verifying.public_numbers()
        named = {"crv": "P-256", "kty": "EC", "x": _text(point.x.to_bytes(32)), "y": _text(point.y.to_bytes(32))}
        self.id = _text(sha256(json.dumps(named, separators=(",", ":")).encode()).digest())
        self.public = named | {"kid": self.id, "alg": ALGORITHM, "use": "sig"}

    def keyed_hash(self, text: str) -> bytes:
        return hmac.digest(self._hash_key, text.encode(), "sha256")


class Signer:
    """Signs tokens of one issuer for one audience with the current key, and checks those of both.

    To replace a key without refusing a token: let all processes know the new one as ``previous``, then let them change
    places; the old one may go when nothing that it signed or hashed counts any more.
    """

    def __init__(
        self, private_key_pem: str, *, issuer: str, audience: str, previous_key_pem: str | None = None
    ) -> None:
        self._current = Key(private_key_pem)
        known = [self._current, *([Key(previous_key_pem)] if previous_key_pem else [])]
        self._keys = {key.id: key for key in known}
        self._issuer = issuer
        self._audience = audience

    def sign(self, claims: Mapping[str, Any]) -> str:
        named = {**claims, "iss": self._issuer, "aud": self._audience}
        return jwt.encode(named, self._current.private, algorithm=ALGORITHM, headers={"kid": self._current.id})

    def keyed_hash(self, text: str) -> bytes:
        """A hash only a holder of the key can make: who has the database cannot try what was hashed."""
        return self._current.keyed_hash(text)

    def keyed_hashes(self, text: str) -> list[bytes]:
        """The hash under each key, the current one's first: what was hashed before a rotation is under the other."""
        return [key.keyed_hash(text) for key in self._keys.values()]

    def is_keyed_hash(self, text: str, digest: bytes) -> bool:
        """Whether one of the keys makes this hash of the text."""
        return any(hmac.compare_digest(digest, one) for one in self.keyed_hashes(text))

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a valid token. Time is not judged here but by the caller's clock. Raises BadToken."""
        try:
            key = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise BadToken("UnknownKey")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.verifying,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise BadToken(type(error).__name__) from error
        return claims

    def public_keys(self) -> list[dict[str, str]]:
        """What others need to check tokens with (RFC 7517), the current key first."""
        return [key.public for key in self._keys.values()]


def new_private_key() -> str:
    """A fresh P-256 private key in PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def read_or_create(path: Path) -> str:
    """The key in ``path``; made there, readable by its owner only, when there is none."""
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(new_private_key())
    except FileExistsError:
        pass
    return path.read_text()


def _text(number: bytes) -> str:
    return urlsafe_b64encode(number).rstrip(b"=").decode()
