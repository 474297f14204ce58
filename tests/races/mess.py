"""Everything people do with money at once, some of it sent three times at once under one key."""

import asyncio
import dataclasses
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import httpx2

from tests.conftest import Person, World, new_key
from tests.ledger import audit
from tests.races import storm
from tests.transfers.steps import new_email, until_answered

ANSWERS = {200, 201, 402, 409}
"""Of steps that race: done, not enough money, or somebody was faster."""
TRANSFER = re.compile(rb'"(tr_\w+)"')


@dataclasses.dataclass
class Mess:
    """Clients that act through each app in turn, and all they were answered."""

    worlds: Sequence[World]
    people: Sequence[Person]
    dice: random.Random
    tripled: float = 0.2
    answers: list[tuple[str, list[httpx2.Response]]] = dataclasses.field(default_factory=list)

    async def rage(self, deeds: int, *, clients: int = 64) -> None:
        """So many deeds, ``clients`` at a time."""
        waiting = iter(range(deeds))
        verbs: list[Callable[[Person, Person, int], Awaitable[Any]]] = [
            self.pay,
            self.pay,
            self.pay_and_refund,
            self.ask_and_accept,
            self.ask_and_race,
            self.hold_and_capture,
            self.hold_and_race,
            self.pay_somebody_unknown_and_cancel,
        ]

        async def client() -> None:
            for _ in waiting:
                one, other = self.dice.sample(self.people, 2)
                await self.dice.choice(verbs)(one, other, self.dice.randint(1, 300))

        await asyncio.gather(*(client() for _ in range(clients)))

    async def pay(self, one: Person, other: Person, amount: int) -> dict[str, Any] | None:
        body = {"recipient": {"user_id": other.id}, "amount": amount, "note": "lunch"}
        return await self.send(one, "/transfers", body)

    async def pay_and_refund(self, one: Person, other: Person, amount: int) -> None:
        if paid := await self.pay(one, other, amount):
            parts = [amount // 2 + 1, amount // 2 + 1, amount // 3 + 1]
            path = f"/transfers/{paid['id']}/refund"
            await asyncio.gather(*(self.send(other, path, {"amount": part}) for part in parts))

    async def ask_and_accept(self, one: Person, other: Person, amount: int) -> None:
        if asked := await self._ask(one, other, amount):
            await self.send(other, f"/requests/{asked['id']}/accept", {})

    async def ask_and_race(self, one: Person, other: Person, amount: int) -> None:
        if asked := await self._ask(one, other, amount):
            path = f"/requests/{asked['id']}"
            await asyncio.gather(
                self.send(other, f"{path}/accept", {}),
                self.send(other, f"{path}/accept", {}),
                self.send(other, f"{path}/decline"),
                self.send(one, f"{path}/cancel"),
            )

    async def hold_and_capture(self, one: Person, other: Person, amount: int) -> None:
        if held := await self._hold(one, other, amount):
            await self.send(other, f"/holds/{held['id']}/capture", {"amount": amount // 2 + 1})
            await self.send(other, f"/holds/{held['id']}/void")

    async def hold_and_race(self, one: Person, other: Person, amount: int) -> None:
        if held := await self._hold(one, other, amount):
            path = f"/holds/{held['id']}"
            parts = [amount // 2 + 1, amount // 2 + 1]
            await asyncio.gather(
                *(self.send(other, f"{path}/capture", {"amount": part}) for part in parts),
                self.send(other, f"{path}/void"),
            )

    async def pay_somebody_unknown_and_cancel(self, one: Person, other: Person, amount: int) -> None:
        body = {"recipient": {"email": new_email()}, "amount": amount, "note": "welcome"}
        if waiting := await self.send(one, "/transfers", body):
            path = f"/transfers/{waiting['id']}/cancel"
            await asyncio.gather(*(self.send(one, path) for _ in range(2)))

    async def send(self, who: Person, path: str, body: Any = None) -> dict[str, Any] | None:
        """What was made, or nothing when it was refused. One that is too busy is asked again, as a client would."""
        key = new_key()
        clients = [storm.at(world, who) for world in self.dice.choices(self.worlds, k=self._times())]
        sends = [partial(client.post, path, body, key=key) for client in clients]
        answers = list(await asyncio.gather(*(until_answered(send) for send in sends)))
        self.answers.append((path, answers))
        made: dict[str, Any] = answers[0].json()
        return made if answers[0].status_code < 300 else None

    def _times(self) -> int:
        return 3 if self.dice.random() < self.tripled else 1

    async def _ask(self, one: Person, other: Person, amount: int) -> dict[str, Any] | None:
        return await self.send(one, "/requests", {"payer": {"user_id": other.id}, "amount": amount, "note": "rent"})

    async def _hold(self, one: Person, other: Person, amount: int) -> dict[str, Any] | None:
        return await self.send(one, "/holds", {"payee": {"user_id": other.id}, "amount": amount, "note": "deposit"})

    async def disagreements(self) -> list[str]:
        """Where answers and the books do not fit together; empty when all is well."""
        found = await audit.findings(self.worlds[0])
        told: set[str] = set()
        for path, answers in self.answers:
            statuses = {answer.status_code for answer in answers}
            if not statuses <= ANSWERS:
                found.append(f"{path}: answered {sorted(statuses)}")
            if len(statuses) > 1 or (409 not in statuses and len({answer.content for answer in answers}) > 1):
                found.append(f"{path}: told differently under one key")
            if statuses <= {200, 201}:
                told |= {match.decode() for match in TRANSFER.findall(answers[0].content)}
        connection = await audit.connect(self.worlds[0])
        rows = await connection.fetch("SELECT 'tr_' || replace(id::text, '-', '') AS id FROM transfers")
        await connection.close()
        stored = {row["id"] for row in rows}
        found += [f"{one}: told and not there" for one in told - stored]
        found += [f"{one}: there and told to nobody" for one in stored - told]
        return found

    async def money(self) -> int:
        """What everybody has and is owed to, less what they owe."""
        wallets = [(await person.get("/wallet")).json() for person in self.people]
        return sum(wallet["available"] + wallet["on_hold"] - wallet["debt"] for wallet in wallets)
