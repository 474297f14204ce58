"""Clients that keep accounts of what they were told, and what these accounts hold against the service."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import asyncpg
import httpx2
import orjson

from tests.conftest import PASSWORD, new_key, new_name
from tests.faults.town import Town, figure, until
from tests.ledger import audit

ANSWER_SECONDS = 30


@dataclass
class Payment:
    """What a client means to pay once, and what it was told in the end."""

    note: str
    amount: int
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    told_at: float | None = None


class Crowd:
    """Clients that pay each other over HTTP, some requests three times at once. What was not answered they retry under
    the same key, or ask after it, until they know."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self._client = httpx2.AsyncClient(
            base_url=url + "/v1",
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=5),
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=100),
        )
        self._dice = dice
        self._stopping = False
        self.people: list[tuple[str, dict[str, str]]] = []
        self.payments: list[Payment] = []
        self.acknowledged_at: list[float] = []
        self.waits: list[float] = []
        self.retried: Counter[str] = Counter()
        self.asked_after = 0

    async def gather(self, count: int, *, money: int) -> None:
        """Sign up ``count`` people and give each some money."""
        for _ in range(count):
            name = new_name("fault")
            body = {"username": name, "display_name": name, "email": f"{name}@example.com", "password": PASSWORD}
            document = (await self._client.post("/auth/sign-up", json=body)).json()
            headers = {"Authorization": "Bearer " + document["tokens"]["access_token"]}
            self.people.append((document["user"]["id"], headers))
            source = await self._client.post(
                "/wallet/funding-sources", json={"token": "sandbox_bank_ok"}, headers=headers
            )
            top_up = {"funding_source_id": source.json()["id"], "amount": money}
            answer = await self._client.post(
                "/wallet/top-ups", json=top_up, headers=headers | {"Idempotency-Key": new_key()}
            )
            assert answer.status_code == 201, answer.text

    async def rage(self, clients: int, *, harm: Callable[[], Any]) -> None:
        """Pay with ``clients`` at a time while ``harm`` is done; returns when every payment is answered."""
        self._stopping = False
        self.acknowledged_at.clear()
        self.waits.clear()
        self.retried.clear()
        raging = [asyncio.create_task(self._pay_on()) for _ in range(clients)]
        try:
            await harm()
        finally:
            self._stopping = True
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await asyncio.gather(*raging)

    async def acknowledged(self, more: int, *, seconds: float) -> None:
        """Returns after ``more`` further answers; fails when they take longer."""
        target = len(self.acknowledged_at) + more
        await until(lambda: len(self.acknowledged_at) >= target, seconds=seconds)

    @property
    def gap(self) -> float:
        """The longest time without an acknowledged payment in the last rage, in seconds."""
        return max(later - earlier for earlier, later in pairwise(self.acknowledged_at))

    async def pay(self, payer: int, payee: int, payment: Payment, key: str) -> httpx2.Response:
        """One send; raises what the network raises."""
        body = {"recipient": {"user_id": self.people[payee][0]}, "amount": payment.amount, "note": payment.note}
        headers = self.people[payer][1] | {"Idempotency-Key": key}
        return await self._client.post("/transfers", json=body, headers=headers)

    async def close(self) -> None:
        await self._client.aclose()

    async def _pay_on(self) -> None:
        while not self._stopping:
            payer, payee = self._dice.sample(range(len(self.people)), 2)
            key = new_key()
            payment = Payment("fault " + key, self._dice.randint(1, 50))
            self.payments.append(payment)
            times = 3 if self._dice.random() < 0.2 else 1
            await asyncio.gather(*(self._until_answered(payer, payee, payment, key) for _ in range(times)))

    async def _until_answered(self, payer: int, payee: int, payment: Payment, key: str) -> None:
        while True:
            sent_at = time.monotonic()
            try:
                answer = await self.pay(payer, payee, payment, key)
            except httpx2.TransportError as error:
                self.waits.append(time.monotonic() - sent_at)
                self.retried[type(error).__name__] += 1
                told = await self._operation(payer, key) if self._dice.random() < 0.5 else None
            else:
                self.waits.append(time.monotonic() - sent_at)
                told = (answer.status_code, answer.content) if answer.status_code in (201, 402) else None
                if not told:
                    self.retried[str(answer.status_code)] += 1
            if told:
                payment.answers.append(told)
                payment.told_at = payment.told_at or time.monotonic()
                self.acknowledged_at.append(time.monotonic())
                return
            await asyncio.sleep(0.05)

    async def _operation(self, payer: int, key: str) -> tuple[int, bytes] | None:
        """What became of a payment that was not answered, if that can be known without sending it again."""
        try:
            answer = await self._client.get(f"/operations/{key}", headers=self.people[payer][1])
        except httpx2.TransportError:
            return None
        if answer.status_code != 200 or answer.json()["state"] != "committed":
            return None
        self.asked_after += 1
        return 201, orjson.dumps(answer.json()["result"])


async def broken_promises(database_url: str, payments: list[Payment]) -> list[str]:
    """What an outsider with a list of acknowledged payments can hold against the service; empty when nothing."""
    found = await audit.findings_at(database_url)
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT 'tr_' || replace(id::text, '-', '') AS id, note, amount FROM transfers")
    await connection.close()
    times = Counter(row["note"] for row in rows)
    stored = {row["id"]: (row["note"], row["amount"]) for row in rows}
    for payment in payments:
        statuses = {status for status, _ in payment.answers}
        bodies = {body for _, body in payment.answers}
        if times[payment.note] > 1:
            found.append(f"{payment.note}: posted {times[payment.note]} times")
        if len(bodies) != 1:
            found.append(f"{payment.note}: {len(bodies)} distinct answers")
        if statuses == {201}:
            told = {httpx2.Response(201, content=body).json()["id"] for body in bodies}
            if any(stored.get(one) != (payment.note, payment.amount) for one in told):
                found.append(f"{payment.note}: acknowledged and lost")
        elif times[payment.note]:
            found.append(f"{payment.note}: posted and not acknowledged")
    known = {payment.note for payment in payments}
    found += [f"{note}: nobody sent this" for note in times if note not in known]
    return found


async def sound(town: Town, crowd: Crowd, *, gap: float | None = None) -> list[str]:
    """Broken promises, answers no client should see, and a gap in writes above its figure; empty when all is well."""
    found = await broken_promises(town.database_url, crowd.payments)
    found += [f"a client was answered {status}" for status in crowd.retried if status.isdigit() and status != "503"]
    if gap is not None:
        print(f"gap {crowd.gap:.2f} s, longest wait {max(crowd.waits):.2f} s, {crowd.asked_after} asked after")
        print(f"retried {dict(crowd.retried)}")
        if crowd.gap > figure(gap):
            found.append(f"nobody was paid for {crowd.gap:.1f} s, promised are {gap}")
    return found
