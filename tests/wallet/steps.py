"""A bank whose line can break, and what tests of money in and out do with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
from structlog.testing import capture_logs

from tests.conftest import Person, World, new_key, settings_for, world_over
from venmo_api.adapters.bank import BankAnswer, SandboxBank
from venmo_api.transfers import jobs as transfers
from venmo_api.wallet import jobs

LATER = timedelta(minutes=2)
A_DAY = timedelta(days=1, seconds=1)
FAILS, SETTLES_LATER, FAILS_LATER = 90_02, 90_03, 90_04


class Crash(Exception):
    """The process dies while the bank is asked."""


class FlakyBank(SandboxBank):
    """A bank whose line breaks for what is asked while ``broken``, and which moves each reference once."""

    def __init__(self) -> None:
        self.broken = False
        self.never = 0
        self.asked: list[UUID] = []
        self.moved: dict[UUID, int] = {}
        self.entered = asyncio.Event()
        self.entered_again = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def live_in(self, world: World) -> None:
        super().__init__(world.app.database, world.app.clock)

    async def debit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        await self._line(amount_cents, reference)
        return await super().debit(token, amount_cents=amount_cents, reference=reference)

    async def credit(self, token: str, *, amount_cents: int, reference: UUID) -> BankAnswer:
        await self._line(-amount_cents, reference)
        return await super().credit(token, amount_cents=amount_cents, reference=reference)

    async def _line(self, amount_cents: int, reference: UUID) -> None:
        self.asked.append(reference)
        if self.broken or abs(amount_cents) == self.never:
            raise Crash
        self.moved[reference] = amount_cents
        (self.entered_again if self.entered.is_set() else self.entered).set()
        await self.may_answer.wait()


async def settle(world: World) -> int:
    """Run every job that asks banks again; how many things ended."""
    app = world.app
    return await jobs.settle_top_ups(app) + await jobs.settle_cash_outs(app) + await transfers.settle_fundings(app)


@asynccontextmanager
async def town_in(fresh: World, bank: FlakyBank, **changes: Any) -> AsyncIterator[World]:
    """A world over a fresh one's database whose bank is this one. Not over one that tests share: the house's accounts
    would remember how far the clock was driven, and their moments never step back."""
    settings = settings_for(str(fresh.app.database.engine.url.database), redis_number=0, bucket="unused")
    with capture_logs():
        async with world_over(settings.model_copy(update=changes), bank=bank, redis=fresh.app.redis) as world:
            bank.live_in(world)
            yield world


async def source(person: Person, token: str = "sandbox_bank_ok") -> str:
    answer = await person.post("/wallet/funding-sources", {"token": token})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def top_up(
    person: Person, source_id: str, amount: Any, *, key: str | None = None, **more: Any
) -> httpx2.Response:
    body = {"funding_source_id": source_id, "amount": amount, **more}
    return await person.post("/wallet/top-ups", body, key=key or new_key())


async def cash_out(
    person: Person, source_id: str, amount: Any, *, key: str | None = None, **more: Any
) -> httpx2.Response:
    body = {"funding_source_id": source_id, "amount": amount, **more}
    return await person.post("/wallet/cash-outs", body, key=key or new_key())


async def wallet(person: Person) -> tuple[int, int, int]:
    """Available, pending, on hold."""
    document = (await person.get("/wallet")).json()
    return document["available"], document["pending"], document["on_hold"]


async def refresh(person: Person) -> None:
    """A new access token, since the test's clock has run past the first one."""
    tokens = await person.client.post("/v1/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert tokens.status_code == 200
    person.tokens = tokens.json()


def told(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")
