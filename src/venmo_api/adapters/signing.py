"""ES256 signatures over JSON Web Tokens, by PyJWT, and keyed hashes under the same secret."""

import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "ES256"
REQUIRED = ["exp", "iat", "aud", "iss", "sub"]


class BadToken(Exception):
    """Not a token this key signed, or one that has run out."""


class Signer:
    """Signs and checks tokens of one issuer for one audience with one P-256 key."""

    def __init__(self, private_key_pem: str, *, issuer: str, audience: str) -> None:
        key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("the signing key must be an EC private key on P-256, in PEM")
        self._private = key
        self._public = key.public_key()
        secret = key.private_numbers().private_value.to_bytes(32, "big")
        self._hash_key = HKDF(hashes.SHA256(), 32, salt=None, info=b"venmo-api keyed hash").derive(secret)
        self._issuer = issuer
        self._audience = audience

    def sign(self, claims: Mapping[str, Any]) -> str:
        return jwt.encode({**claims, "iss": self._issuer, "aud": self._audience}, self._private, algorithm=ALGORITHM)

    def keyed_hash(self, text: str) -> bytes:
        """A hash only a holder of the key can make: who has the database cannot try what was hashed."""
        return hmac.digest(self._hash_key, text.encode(), "sha256")

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of a valid token. Time is not judged here but by the caller's clock. Raises BadToken."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._public,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise BadToken(type(error).__name__) from error
        return claims


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
