"""Hostile access tokens: all are refused alike."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from uuid_utils.compat import uuid7

from tests.conftest import Person, World
from venmo_api.adapters.signing import Key, new_private_key
from venmo_api.settings import Settings

Forge = Callable[[dict[str, Any], str], str | bytes]


def segment(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def signed(claims: dict[str, Any], key: str, **headers: Any) -> str:
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": Key(key).id, **headers})


def with_public_key_as_secret(claims: dict[str, Any], key: str) -> str:
    public = serialization.load_pem_private_key(key.encode(), None).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = segment({"alg": "HS256", "typ": "JWT", "kid": Key(key).id}) + "." + segment(claims)
    mac = hmac.HMAC(pem, hashes.SHA256())
    mac.update(body.encode())
    return body + "." + base64.urlsafe_b64encode(mac.finalize()).rstrip(b"=").decode()


def without(claim: str) -> Forge:
    return lambda claims, key: signed({name: value for name, value in claims.items() if name != claim}, key)


def having(**changed: Any) -> Forge:
    return lambda claims, key: signed(claims | changed, key)


def tampered(claims: dict[str, Any], key: str) -> str:
    header, _, signature = signed(claims, key).split(".")
    return ".".join((header, segment(claims | {"sub": "usr_" + "1" * 32}), signature))


def raw(token: str | bytes) -> Forge:
    return lambda claims, key: token


HOSTILE: dict[str, Forge] = {
    "alg none": lambda claims, key: (
        segment({"alg": "none", "typ": "JWT", "kid": Key(key).id}) + "." + segment(claims) + "."
    ),
    "alg None in capitals": lambda claims, key: segment({"alg": "NONE"}) + "." + segment(claims) + ".",
    "HS256 with the public key": with_public_key_as_secret,
    "another key": lambda claims, key: signed(claims, new_private_key()),
    "another key under the name of ours": lambda claims, key: signed(claims, new_private_key(), kid=Key(key).id),
    "another key and somebody else's session": lambda claims, key: signed(
        claims | {"sid": "ses_" + uuid7().hex}, new_private_key()
    ),
    "our key under another name": lambda claims, key: signed(claims, key, kid=Key(new_private_key()).id),
    "our key under no name": lambda claims, key: jwt.encode(claims, key, algorithm="ES256"),
    "our key under a number": lambda claims, key: signed_raw_header(claims, key, kid=7),
    "another curve": lambda claims, key: jwt.encode(claims, ec.generate_private_key(ec.SECP384R1()), algorithm="ES384"),
    "tampered": tampered,
    "signature cut off": lambda claims, key: signed(claims, key).rpartition(".")[0] + ".",
    "truncated": lambda claims, key: signed(claims, key)[:-5],
    "two tokens": lambda claims, key: signed(claims, key) + "." + signed(claims, key),
    "critical header": lambda claims, key: signed(claims, key, crit=["x"], x=1),
    "embedded key": lambda claims, key: signed(claims, new_private_key(), jwk={"kty": "EC"}, kid="../../dev/null"),
    "no exp": without("exp"),
    "no iat": without("iat"),
    "no sub": without("sub"),
    "no aud": without("aud"),
    "no iss": without("iss"),
    "no session": without("sid"),
    "other aud": having(aud="somebody-else"),
    "other iss": having(iss="somebody-else"),
    "sub of another kind": having(sub="ses_" + "0" * 32),
    "sub is a number": having(sub=7),
    "sub is empty": having(sub=""),
    "sid is junk": having(sid="junk"),
    "no amr": without("amr"),
    "amr is text": having(amr="pwd"),
    "no auth_time": without("auth_time"),
    "auth_time is text": having(auth_time="now"),
    "dsi is text": having(dsi="now"),
    "exp is beyond all calendars": having(exp=10**15),
    "exp is text": having(exp="tomorrow"),
    "exp is text of a number": having(exp="99999999999"),
    "exp is null": having(exp=None),
    "exp is a list": having(exp=[99999999999]),
    "exp has passed": having(exp=int(time.time()) - 1),
    "payload is a list": lambda claims, key: signed_raw(b"[]", key),
    "payload is junk": lambda claims, key: signed_raw(b"\xff\xfe", key),
    "header is a list": lambda claims, key: segment([]) + "." + segment(claims) + ".c2ln",
    "header is deep": lambda claims, key: (
        base64.urlsafe_b64encode(b"[" * 3000).rstrip(b"=").decode() + "." + segment(claims) + ".c2ln"
    ),
    "junk": raw("junk"),
    "dots": raw(".."),
    "many dots": raw("." * 500),
    "very long": raw("a" * 30_000),
    "very long and shaped": raw(".".join(["eyJhbGciOiJFUzI1NiJ9", "e" * 20_000, "f" * 86])),
    "a word more": raw("a b c"),
    "not ASCII": raw("tökén.🍕.x".encode()),
    "not even text": raw(b"\xff\xfe.\x80.\x81"),
    "NUL": raw(b"a\x00b"),
    "tab": raw(b"\t"),
    "nothing": raw(""),
}


def signed_raw(payload: bytes, key: str) -> str:
    return jwt.PyJWS().encode(payload, key, algorithm="ES256", headers={"kid": Key(key).id})


def signed_raw_header(claims: dict[str, Any], key: str, **headers: Any) -> str:
    """PyJWT would refuse to write such a header."""
    said = f"{segment({'alg': 'ES256', 'typ': 'JWT'} | headers)}.{segment(claims)}"
    return said + "." + signed(claims, key).rpartition(".")[2]


def claims_of(person: Person) -> dict[str, Any]:
    return dict(jwt.decode(person.tokens["access_token"], options={"verify_signature": False}))


async def ask(world: World, authorization: bytes) -> httpx2.Response:
    return await world.client.get("/v1/me", headers={b"Authorization": authorization})


@pytest.fixture(scope="module")
async def alice(settings: Settings) -> Person:
    from tests.conftest import world_over

    async with world_over(settings) as world:
        return await world.person()


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_is_refused_like_none_at_all(
    world: World, settings: Settings, alice: Person, name: str
) -> None:
    claims = claims_of(alice)
    assert (await ask(world, b"Bearer " + signed(claims, settings.signing_key_pem).encode())).status_code == 200
    token = HOSTILE[name](claims, settings.signing_key_pem)
    answer = await ask(world, b"Bearer " + (token if isinstance(token, bytes) else token.encode()))
    assert answer.status_code == 401, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    none = await world.client.get("/v1/me")
    assert answer.json() | {"request_id": ""} == none.json() | {"request_id": ""}


@pytest.mark.parametrize("scheme", [b"", b"Basic ", b"Token ", b"Bearer", b"Bearer\t", b"DPoP "])
async def test_a_good_token_under_another_scheme_is_refused(world: World, alice: Person, scheme: bytes) -> None:
    assert (await ask(world, scheme + alice.tokens["access_token"].encode())).status_code == 401


async def test_the_scheme_is_read_without_regard_to_case(world: World, alice: Person) -> None:
    assert (await ask(world, b"bEaReR " + alice.tokens["access_token"].encode())).status_code == 200


async def test_a_token_once_accepted_is_not_a_pass_for_its_variants(world: World, alice: Person) -> None:
    good = alice.tokens["access_token"].encode()
    assert (await ask(world, b"Bearer " + good)).status_code == 200
    for variant in (good[:-1], good + b"A", good.upper(), good + b".", b"A" + good):
        assert (await ask(world, b"Bearer " + variant)).status_code == 401


def test_access_tokens_are_es256_and_say_no_more_than_who_how_where_and_until_when(
    alice: Person, settings: Settings
) -> None:
    token = alice.tokens["access_token"]
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "ES256", "typ": "JWT", "kid": Key(settings.signing_key_pem).id}
    claims = claims_of(alice)
    assert set(claims) == {"sub", "sid", "did", "iat", "exp", "iss", "aud", "amr", "auth_time"}
    assert claims["amr"] == ["pwd"]
    assert claims["iat"] - 1 <= claims["auth_time"] <= claims["iat"]
    assert claims["sub"] == alice.id
    assert claims["exp"] - claims["iat"] == alice.tokens["expires_in"]
