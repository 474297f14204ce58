"""A passkey in software, and what people do with second factors."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import cbor2
import httpx2
import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conftest import PASSWORD, Person, World

PRESENT, WITH_KEY = 0x01, 0x40


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(written: str) -> bytes:
    return urlsafe_b64decode(written + "=" * (-len(written) % 4))


class Authenticator:
    """A security key with one credential, that does what it is told: also what is wrong."""

    def __init__(self, *, rp_id: str = "localhost", origin: str = "http://localhost:8000", count: int = 0) -> None:
        self.rp_id = rp_id
        self.origin = origin
        self.count = count
        self.counts = True
        self.credential_id = token_bytes(32)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """What ``navigator.credentials.create`` would give."""
        point = self._key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        named = len(self.credential_id).to_bytes(2, "big") + self.credential_id
        about = self._about(PRESENT | WITH_KEY) + bytes(16) + named + cbor2.dumps(public)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": about})
        client = self._client("webauthn.create", options["challenge"])
        return self._credential({"clientDataJSON": text(client), "attestationObject": text(attestation)})

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """What ``navigator.credentials.get`` would give."""
        if self.counts:
            self.count += 1
        about, client = self._about(PRESENT), self._client("webauthn.get", options["challenge"])
        signature = self._key.sign(about + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": text(client), "authenticatorData": text(about), "signature": text(signature)}
        return self._credential(response)

    def _about(self, flags: int) -> bytes:
        return sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        called = text(self.credential_id)
        return {
            "id": called,
            "rawId": called,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }


def totp_code(world: World, secret: str, *, steps: int = 0) -> str:
    """What the app shows now, or so many steps of thirty seconds later."""
    return pyotp.TOTP(secret).at(world.wall_clock.now(), counter_offset=steps)


def use_token(person: Person, answer: httpx2.Response) -> None:
    """From now on the person's client sends the access token of this answer."""
    assert answer.status_code in (200, 201), answer.text
    if token := answer.json()["access_token"]:
        person.tokens["access_token"] = token


async def add_totp(world: World, person: Person) -> tuple[str, list[str]]:
    """The secret of a new authenticator app, and the recovery codes that came with it."""
    begun = await person.post("/auth/factors/totp")
    assert begun.status_code == 201, begun.text
    secret: str = begun.json()["secret"]
    confirmed = await person.post("/auth/factors/totp/confirm", {"code": totp_code(world, secret, steps=-1)})
    use_token(person, confirmed)
    return secret, confirmed.json()["recovery_codes"]


async def add_passkey(person: Person, key: Authenticator) -> httpx2.Response:
    options = (await person.post("/auth/factors/passkeys/options")).json()
    added = await person.post("/auth/factors/passkeys", {"credential": key.create(options), "name": "Key"})
    use_token(person, added)
    return added


async def sign_in(world: World, person: Person, **more: str) -> httpx2.Response:
    body = {"identifier": person.username, "password": PASSWORD, **more}
    return await world.client.post("/v1/auth/token", json=body)


async def challenge(world: World, person: Person) -> str:
    """The token of a challenge: a sign-in with the right password on a device nobody knows."""
    answer = await sign_in(world, person)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_required"), answer.text
    token: str = answer.json()["challenge_token"]
    return token


async def meet(world: World, token: str, factor: str, proof: Any) -> httpx2.Response:
    named = "credential" if factor == "passkey" else "code"
    body = {"challenge_token": token, "factor": factor, named: proof}
    return await world.client.post("/v1/auth/challenge", json=body)


async def step_up(person: Person, **body: Any) -> httpx2.Response:
    return await person.post("/auth/step-up", body)
