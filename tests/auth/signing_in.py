"""How tests sign in on devices."""

import dataclasses
from typing import Any

import httpx2

from tests.conftest import PASSWORD, Person, World


async def sign_in(
    world: World, person: Person, *, device_token: str | None = None, agent: str = "curl/8.5.0"
) -> dict[str, Any]:
    """Tokens of another sign-in; on an unknown device without a ``device_token``."""
    body = {"identifier": person.username, "password": PASSWORD}
    body |= {"device_token": device_token} if device_token else {}
    answer = await world.client.post("/v1/auth/token", json=body, headers={"User-Agent": agent})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


async def elsewhere(world: World, person: Person, *, device_token: str | None = None, agent: str = "curl/8") -> Person:
    """The same person, signed in once more."""
    tokens = await sign_in(world, person, device_token=device_token, agent=agent)
    return dataclasses.replace(person, tokens=tokens)


async def refresh(world: World, token: str, *, key: str | None = None) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await world.client.post("/v1/auth/refresh", json={"refresh_token": token}, headers=headers)
