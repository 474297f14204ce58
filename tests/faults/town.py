"""A running service to hurt: its servers, its API and its worker as child processes, and clients that keep accounts."""

import asyncio
import inspect
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2

from tests.conftest import PASSWORD, new_key, new_name
from tests.ledger import audit
from venmo_api.local.ports import free_port
from venmo_api.local.stack import Stack

COMMAND = Path(sys.executable).with_name("venmo-api")
START_SECONDS = 30


class Town:
    """Only what this object started is ever signalled, by process id."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        self.stack = stack
        self._folder = folder
        self._port = free_port(avoid=set())
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        outside = {name: value for name, value in os.environ.items() if not name.startswith("VENMO_")}
        key_file = {"VENMO_SIGNING_KEY_FILE": str(folder / "signing-key.pem")}
        self._environment = outside | stack.endpoints.environment() | key_file

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def database_url(self) -> str:
        return self.stack.endpoints.database_url.replace("+asyncpg", "")

    def prepare(self) -> None:
        """A schema, a bucket and a signing key."""
        for words in (["new-signing-key", self._environment["VENMO_SIGNING_KEY_FILE"]], ["migrate"]):
            subprocess.run([COMMAND, *words], env=self._environment, check=True, capture_output=True, timeout=60)

    def start(self, name: str) -> None:
        words = ["serve", "--port", str(self._port)] if name == "api" else [name]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._children[name] = subprocess.Popen(
                [COMMAND, *words], env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def signal(self, name: str, number: signal.Signals) -> None:
        self._children[name].send_signal(number)

    async def ended(self, name: str, *, seconds: float) -> int:
        """The exit code of a child; fails when it does not end in time."""
        return await asyncio.to_thread(self._children[name].wait, seconds)

    async def ready(self) -> None:
        async with httpx2.AsyncClient() as client, asyncio.timeout(START_SECONDS):
            while True:
                with suppress(httpx2.TransportError):
                    if (await client.get(self.url + "/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.05)

    async def kill_postgres(self) -> None:
        os.kill(self.stack.pids()["postgres"], signal.SIGKILL)
        await until(lambda: self.stack.exit_codes()["postgres"] is not None, seconds=5)

    async def ask(self, query: str, *values: Any) -> Any:
        """One value, asked of the database directly."""
        connection = await asyncpg.connect(self.database_url, timeout=5)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    def stop(self) -> None:
        for child in self._children.values():
            child.kill()
            child.wait()
        self.stack.stop()


@dataclass
class Payment:
    """What a client means to pay once, and what it was told in the end."""

    note: str
    amount: int
    answers: list[tuple[int, bytes]] = field(default_factory=list)


class Crowd:
    """Clients that pay each other over HTTP, some requests three times at once, and retry what was not answered
    under the same key until it is."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self._client = httpx2.AsyncClient(
            base_url=url + "/v1",
            timeout=httpx2.Timeout(8, connect=2),
            limits=httpx2.Limits(max_connections=100, max_keepalive_connections=100),
        )
        self._dice = dice
        self._stopping = False
        self.people: list[tuple[str, dict[str, str]]] = []
        self.payments: list[Payment] = []
        self.acknowledged_at: list[float] = []
        self.retried: Counter[str] = Counter()

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
        raging = [asyncio.create_task(self._pay_on()) for _ in range(clients)]
        try:
            await harm()
        finally:
            self._stopping = True
            async with asyncio.timeout(20):
                await asyncio.gather(*raging)

    async def acknowledged(self, more: int, *, seconds: float) -> None:
        """Returns after ``more`` further answers; fails when they take longer."""
        target = len(self.acknowledged_at) + more
        await until(lambda: len(self.acknowledged_at) >= target, seconds=seconds)

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
            try:
                answer = await self.pay(payer, payee, payment, key)
            except httpx2.TransportError as error:
                self.retried[type(error).__name__] += 1
            else:
                if answer.status_code in (201, 402):
                    payment.answers.append((answer.status_code, answer.content))
                    self.acknowledged_at.append(time.monotonic())
                    return
                self.retried[str(answer.status_code)] += 1
            await asyncio.sleep(0.05)


async def until(condition: Callable[[], Any], *, seconds: float) -> None:
    """Returns as soon as ``condition`` holds (it may be awaitable); fails when that takes longer."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if await held if inspect.isawaitable(held) else held:
                return
            await asyncio.sleep(0.01)


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
