"""What is asked about an account takes as long, and is answered the same, whether there is one or not.

Known and unknown names are asked in turn and compared pair by pair: what slows the machine slows both.
"""

from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter

import httpx2
import pytest

from tests.conftest import World, new_name, world_over
from venmo_api.adapters.passwords import Passwords
from venmo_api.settings import Settings

Ask = Callable[[httpx2.AsyncClient, str], Awaitable[httpx2.Response]]
PEOPLE, TIMES = 5, 8
WRONG = "wrong horse battery"


async def sign_in(client: httpx2.AsyncClient, name: str) -> httpx2.Response:
    return await client.post("/v1/auth/token", json={"identifier": name, "password": WRONG})


async def sign_in_as_a_device(client: httpx2.AsyncClient, name: str) -> httpx2.Response:
    body = {"identifier": name, "password": WRONG, "device_token": "dv_" + "x" * 43}
    return await client.post("/v1/auth/token", json=body)


async def ask_reset(client: httpx2.AsyncClient, name: str) -> httpx2.Response:
    return await client.post("/v1/auth/password-reset", json={"identifier": name})


async def confirm_reset(client: httpx2.AsyncClient, name: str) -> httpx2.Response:
    body = {"identifier": name, "code": "000000", "new_password": "another horse battery"}
    return await client.post("/v1/auth/password-reset/confirm", json=body)


async def compare(world: World, ask: Ask, *, suffix: str) -> tuple[float, set[bytes]]:
    """How many ms longer the answer takes for names that somebody has, in the median; and all bodies that came."""
    known = [(await world.person()).username + suffix for _ in range(PEOPLE)]
    unknown = [new_name() + suffix for _ in range(PEOPLE)]
    differences, bodies = [], set()
    for _ in range(TIMES):
        for names in zip(known, unknown, strict=True):
            taken = []
            for name in names:
                began = perf_counter()
                answer = await ask(world.client, name)
                taken.append((perf_counter() - began) * 1000)
                bodies.add(answer.content.replace(answer.json().get("request_id", "-").encode(), b""))
            differences.append(taken[0] - taken[1])
    return median(differences), bodies


@pytest.mark.parametrize("suffix", ["", "@example.com"])
@pytest.mark.parametrize("ask", [sign_in, sign_in_as_a_device, ask_reset, confirm_reset])
async def test_no_answer_tells_whether_there_is_an_account(world: World, ask: Ask, suffix: str) -> None:
    difference, bodies = await compare(world, ask, suffix=suffix)
    assert len(bodies) == 1, bodies
    assert abs(difference) < 10


class Hasty(Passwords):
    """Does not work when there is nothing to compare with."""

    async def verify(self, password: str, stored: str | None) -> bool:
        return stored is not None and await super().verify(password, stored)


async def test_planted_haste_is_found_out(settings: Settings) -> None:
    async with world_over(settings, passwords=Hasty()) as world:
        difference, _ = await compare(world, sign_in, suffix="")
        assert difference > 10
