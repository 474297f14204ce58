"""People of a crowd who look at their feeds all the time, and what they can hold against what they were shown."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from tests.faults.crowd import Crowd
from tests.faults.town import Town
from venmo_api.adapters.redis import Redis

SCOPES = ("friends", "public", "mine")
PAGE = 25
DEEP = 400
"""How far feeds are read at rest: beyond what a timeline in Redis holds."""

# Written from the product's words, on the tables of money and friendship only.
SHOULD = """
    SELECT note FROM transfers t WHERE CASE $2::text
        WHEN 'mine' THEN $1::uuid IN (sender_id, recipient_id)
        WHEN 'public' THEN audience = 'public'
        ELSE $1::uuid IN (sender_id, recipient_id) OR audience <> 'private' AND EXISTS (
            SELECT FROM friendships f WHERE accepted_at IS NOT NULL AND (
                f.low_id = $1::uuid AND f.high_id IN (sender_id, recipient_id)
                OR f.high_id = $1::uuid AND f.low_id IN (sender_id, recipient_id))) END
    ORDER BY id DESC
"""


@dataclass(frozen=True, slots=True)
class Look:
    """One answer to one viewer: when it was asked for, how long it took, its status and the notes in it."""

    viewer: int
    at: float
    seconds: float
    status: int
    notes: Sequence[str]


class Onlookers:
    """The people of ``crowd``, each a friend of the next two."""

    def __init__(self, town: Town, crowd: Crowd) -> None:
        self._town, self.crowd = town, crowd
        self._client = httpx2.AsyncClient(base_url=town.url + "/v1", timeout=30)
        self.redis = Redis(town.stack.endpoints.redis_url)
        self.looks: list[Look] = []

    async def meet(self) -> None:
        """Become friends."""
        people = self.crowd.people
        for one, (_, headers) in enumerate(people):
            await self._client.post("/me/identity", json={"token": "sandbox_identity_ok"}, headers=headers)
            for step in (1, 2):
                their_id, theirs = people[(one + step) % len(people)]
                await self._client.put(f"/friends/{their_id}", headers=headers)
                answer = await self._client.put(f"/friends/{people[one][0]}", headers=theirs)
                assert answer.status_code == 200, answer.text

    async def watch(self) -> None:
        """Look, one after another, until cancelled."""
        while True:
            for viewer in range(len(self.crowd.people)):
                await self.look(viewer)
                await asyncio.sleep(0.01)

    async def look(self, viewer: int, scope: str = "friends") -> Look:
        at = time.monotonic()
        answer = await self._ask(viewer, scope=scope, limit=PAGE)
        notes = [story["note"] for story in answer.json()["data"]] if answer.status_code == 200 else []
        made = Look(viewer, at, time.monotonic() - at, answer.status_code, notes)
        self.looks.append(made)
        return made

    async def staleness(self) -> tuple[float, list[str]]:
        """By how many seconds what was missing in any answer had been acknowledged before it was asked for; and what
        should not have been shown, or not there or not so often. Must be asked before the next fault."""
        told_at = {payment.note: payment.told_at for payment in self.crowd.payments}
        worst, wrong = 0.0, []
        should = {viewer: await self._should(viewer, "friends") for viewer in range(len(self.crowd.people))}
        for look in self.looks:
            if look.status != 200:
                wrong.append(f"answered {look.status}")
                continue
            place = {note: at for at, note in enumerate(should[look.viewer])}
            places = [place.get(note, -1) for note in look.notes]
            if places != sorted(set(places)) or -1 in places:
                wrong.append(f"viewer {look.viewer} was shown what is not theirs, twice, or in no order")
                continue
            last = places[-1] if len(places) == PAGE else len(place) - 1
            shown = set(look.notes)
            for note in should[look.viewer][: last + 1]:
                told = told_at.get(note)
                if note not in shown and told is not None:
                    worst = max(worst, look.at - told)
        return worst, wrong

    async def differences(self) -> list[str]:
        """At rest: each feed of each viewer, deep, held against the ledger. Read twice: whatever a first reader has
        put into the caches is what the second gets."""
        found = []
        for viewer in range(len(self.crowd.people)):
            for scope in SCOPES:
                should = (await self._should(viewer, scope))[:DEEP]
                for reading in ("first", "second"):
                    shown = await self._deep(viewer, scope)
                    if shown != should:
                        missing, extra = set(should) - set(shown), set(shown) - set(should)
                        double = len(shown) - len(set(shown))
                        told = f"{len(missing)} missing, {len(extra)} extra, {double} double"
                        found.append(f"{scope} of {viewer}, {reading} reading: {told}")
        return found

    async def hits(self) -> int:
        """Keys found in Redis during one look of every viewer."""
        before = await self._found_keys()
        for viewer in range(len(self.crowd.people)):
            await self.look(viewer)
        return await self._found_keys() - before

    async def live(self) -> int:
        """How many friends timelines Redis holds and would answer from."""
        found = 0
        for user_id, _ in self.crowd.people:
            key = b"tl:friends:" + bytes.fromhex(user_id.removeprefix("usr_"))
            found += await self.redis.client.zscore(key, b"") is not None
        return found

    async def newest(self, viewer: int) -> tuple[bytes, bytes]:
        """The viewer's friends timeline and the newest story in it."""
        key = b"tl:friends:" + bytes.fromhex(self.crowd.people[viewer][0].removeprefix("usr_"))
        (member,) = await self.redis.client.zrevrange(key, 0, 0)
        return key, member

    async def close(self) -> None:
        await self._client.aclose()
        await self.redis.close()

    async def _found_keys(self) -> int:
        return int((await self.redis.client.info("stats"))["keyspace_hits"])

    async def _deep(self, viewer: int, scope: str) -> list[str]:
        notes: list[str] = []
        cursor: dict[str, str] = {}
        while len(notes) < DEEP:
            answer = await self._ask(viewer, scope=scope, limit=100, **cursor)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            notes += [story["note"] for story in page["data"]]
            if not page["has_more"]:
                break
            cursor = {"cursor": page["next_cursor"]}
        return notes[:DEEP]

    async def _ask(self, viewer: int, **params: Any) -> httpx2.Response:
        return await self._client.get("/feed", params=params, headers=self.crowd.people[viewer][1])

    async def _should(self, viewer: int, scope: str) -> list[str]:
        connection = await asyncpg.connect(self._town.database_url)
        try:
            user_id = self.crowd.people[viewer][0].removeprefix("usr_")
            return [row["note"] for row in await connection.fetch(SHOULD, UUID(user_id), scope)]
        finally:
            await connection.close()


def p99(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=100)[98] if len(seconds) > 1 else max(seconds, default=0.0)
