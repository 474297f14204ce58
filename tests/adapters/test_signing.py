"""Signing keys and signatures."""

import stat
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from venmo_api.adapters.signing import BadToken, Signer, new_private_key, read_or_create


def signer(key: str | None = None, *, issuer: str = "us", audience: str = "them") -> Signer:
    return Signer(key or new_private_key(), issuer=issuer, audience=audience)


def claims(**more: object) -> dict[str, object]:
    now = int(time.time())
    return {"sub": "usr_1", "iat": now, "exp": now + 60, **more}


def test_what_was_signed_is_read_back() -> None:
    one = signer()
    assert one.claims(one.sign(claims(extra="x"))) == {**claims(extra="x"), "iss": "us", "aud": "them"}


def test_time_is_left_to_the_callers_clock() -> None:
    one = signer()
    assert one.claims(one.sign(claims(exp=1)))["exp"] == 1


@pytest.mark.parametrize("other", [{"issuer": "someone"}, {"audience": "someone"}])
def test_another_issuer_or_audience_under_the_same_key_is_refused(other: dict[str, str]) -> None:
    key = new_private_key()
    with pytest.raises(BadToken):
        signer(key).claims(signer(key, **other).sign(claims()))


def test_another_key_is_refused() -> None:
    with pytest.raises(BadToken):
        signer().claims(signer().sign(claims()))


def test_a_token_tells_nothing_by_its_failure() -> None:
    with pytest.raises(BadToken) as caught:
        signer().claims("secret.secret.secret")
    assert "secret" not in str(caught.value)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


@pytest.mark.parametrize(
    "key", ["", "junk", pem(ec.generate_private_key(ec.SECP384R1())), pem(rsa.generate_private_key(65537, 2048))]
)
def test_only_a_p256_key_signs(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each library says it in its own words
        Signer(key, issuer="us", audience="them")


def test_a_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    key = read_or_create(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_or_create(file) == key
    signer(key)


def test_a_keyed_hash_is_made_by_one_key_only() -> None:
    key = new_private_key()
    one = signer(key).keyed_hash("123456")
    assert one == signer(key).keyed_hash("123456")
    assert len({one, signer(key).keyed_hash("123457"), signer().keyed_hash("123456")}) == 3
    assert len(one) == 32
