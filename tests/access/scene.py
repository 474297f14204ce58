"""The people of the access matrix, and one thing of each kind that belongs to its owner."""

import dataclasses
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
from sqlalchemy import text

from tests.admin.steps import employ
from tests.analytics.steps import case_id_about, finding, proposed, raised, user_id
from tests.conftest import Person, World, new_key
from venmo_api.adapters.postgres import Transaction
from venmo_api.admin.rules import Role
from venmo_api.core import ids
from venmo_api.core.policy import Policy
from venmo_api.risk import shadows

SECRET = "between-us-7c41"


@dataclass
class Scene:
    """``people`` by what they are to the owner of the thing; ``anonymous`` is None."""

    world: World
    document: dict[str, Any]
    people: dict[str, Person | None] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Person:
        someone = self.people[name]
        assert someone is not None
        return someone

    async def send(self, who: str, method: str, path: str, *, body: Any = None, **more: Any) -> httpx2.Response:
        person = self.people[who]
        headers = {"Idempotency-Key": more.pop("key", None) or new_key()} | (person.headers if person else {})
        return await self.world.client.request(method, path, headers=headers, json=body, **more)


async def scene(world: World, document: dict[str, Any]) -> Scene:
    """An owner with money, somebody they deal with, a friend, a stranger, whom they block and who blocks them, nobody,
    and staff."""
    owner, counterparty = await world.person("owner", money=10_000), await world.person("other", money=10_000)
    friend, stranger, blocked = [await world.person(name) for name in ("friend", "strange", "blocked")]
    await owner.befriend(friend)
    await owner.befriend(blocked)
    await owner.delete(f"/friends/{blocked.id}")
    blocking = await world.person("blocking")
    for one, other in ((owner, blocked), (blocking, owner)):
        assert (await one.post(f"/users/{other.id}/block")).status_code == 204
    support, analyst = await employ(world, Role.SUPPORT), await employ(world, Role.ANALYST)
    people = {
        "owner": owner,
        "counterparty": counterparty,
        "friend": friend,
        "stranger": stranger,
        "blocked": blocked,
        "blocking": blocking,
        "anonymous": None,
        "support": support,
        "analyst": analyst,
    }
    return Scene(world, document, people)


def made(answer: httpx2.Response, status: int = 201) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


async def transfer(on: Scene, audience: str = "private") -> str:
    paid = await on.owner.pay(on.counterparty, 7, note=SECRET, audience=audience)
    return str(made(paid)["id"])


async def restore(on: Scene) -> str:
    days = {"start": "2026-01-01", "end": "2026-01-31"}
    return str(made(await on.owner.post("/statements/restores", days), status=202)["id"])


async def story(on: Scene, audience: str = "private") -> str:
    transfer_id = ids.decode(ids.TRANSFER, await transfer(on, audience))
    assert transfer_id is not None
    await on.world.drain()
    return ids.encode(ids.STORY, on.world.app.keys.veil(transfer_id))


async def shown_story(on: Scene) -> str:
    return await story(on, "friends")


async def public_story(on: Scene) -> str:
    made(await on.counterparty.patch("/me", {"default_audience": "public"}), 200)
    return await story(on, "public")


async def comment(on: Scene) -> str:
    """Of the owner, on a story for friends: its id after the story's."""
    story_id = await shown_story(on)
    said = made(await on.owner.post(f"/stories/{story_id}/comments", {"text": SECRET}))
    return f"{story_id} {said['id']}"


async def comment_elsewhere(on: Scene) -> str:
    """Of the owner, on a public story of two others."""
    aside = await on.world.person("aside")
    for party in (aside, on.counterparty):
        made(await party.patch("/me", {"default_audience": "public"}), 200)
    paid = ids.decode(ids.TRANSFER, made(await on.counterparty.pay(aside, 1))["id"])
    assert paid is not None
    await on.world.drain()
    story_id = ids.encode(ids.STORY, on.world.app.keys.veil(paid))
    said = made(await on.owner.post(f"/stories/{story_id}/comments", {"text": SECRET}))
    return f"{story_id} {said['id']}"


async def report(on: Scene) -> str:
    """Of a story of the owner, by the counterparty."""
    story_id = await story(on)
    answer = await on.counterparty.post(f"/stories/{story_id}/report", {"reason": "abuse", "text": SECRET})
    assert answer.status_code == 204
    reporter = ids.decode(ids.USER, on.counterparty.id)

    async def newest(tx: Transaction) -> UUID:
        asked = text("SELECT id FROM reports WHERE reporter_id = :reporter ORDER BY id DESC LIMIT 1")
        found: UUID = (await tx.execute(asked, {"reporter": reporter})).scalar_one()
        return found

    return ids.encode(ids.REPORT, await on.world.app.database.read(newest))


async def case(on: Scene) -> str:
    """What a detection found about the owner."""
    await raised(on.world, finding(user_id(on.owner), at=on.world.app.clock.now()))
    return await case_id_about(on.world, user_id(on.owner))


async def proposed_case(on: Scene) -> str:
    """The same, with an end that somebody has proposed."""
    await case(on)
    return await proposed(on.world, await employ(on.world, Role.ANALYST), user_id(on.owner))


async def held_payment(on: Scene) -> str:
    """A payment of the owner that somebody is to look at."""
    usual = on.world.app.figures
    policy = dataclasses.replace(usual, risk=Policy(velocity_hour_count=0, velocity_hour_sum=0))
    object.__setattr__(on.world.app, "figures", policy)  # everything that is paid now
    try:
        return await transfer(on)
    finally:
        object.__setattr__(on.world.app, "figures", usual)


async def listed(on: Scene) -> str:
    body = {"subject": {"email": f"{new_key()}@example.com"}, "reason": "fraud"}
    return str(made(await on.analyst.post("/admin/risk/blocklist", body))["id"])


async def shadow(on: Scene) -> str:
    name = new_key()
    await on.world.app.database.transact(shadows.add, on.world.app, name, {}, back=timedelta())
    return name


async def waiting(on: Scene) -> str:
    """A payment to somebody who has not signed up."""
    body = {"recipient": {"email": f"{new_key()}@example.com"}, "amount": 7, "note": SECRET, "audience": "private"}
    return str(made(await on.owner.post("/transfers", body, key=new_key()))["id"])


async def request(on: Scene) -> str:
    body = {"payer": {"user_id": on.counterparty.id}, "amount": 7, "note": SECRET}
    return str(made(await on.owner.post("/requests", body, key=new_key()))["id"])


async def split(on: Scene) -> str:
    body = {"total": 8, "note": SECRET, "method": "equal", "participants": [{"user_id": on.counterparty.id}]}
    return str(made(await on.owner.post("/splits", body, key=new_key()))["id"])


async def hold(on: Scene) -> str:
    body = {"payee": {"user_id": on.counterparty.id}, "amount": 7, "note": SECRET}
    return str(made(await on.owner.post("/holds", body, key=new_key()))["id"])


async def source(on: Scene) -> str:
    return str(made(await on.owner.post("/wallet/funding-sources", {"token": "sandbox_bank_ok"}))["id"])


async def top_up(on: Scene) -> str:
    body = {"funding_source_id": await source(on), "amount": 7}
    return str(made(await on.owner.post("/wallet/top-ups", body, key=new_key()))["id"])


async def cash_out(on: Scene) -> str:
    body = {"funding_source_id": await source(on), "amount": 100}
    return str(made(await on.owner.post("/wallet/cash-outs", body, key=new_key()))["id"])


async def notification(on: Scene) -> str:
    """The owner is told that they were paid."""
    made(await on.counterparty.pay(on.owner, 1))
    await on.world.drain()
    return str(made(await on.owner.get("/inbox"), 200)["data"][0]["id"])


async def session(on: Scene) -> str:
    """Another one of the owner's: ending it ends nothing else."""
    body = {"identifier": on.owner.username, "password": "correct horse battery"}
    made(await on.world.client.post("/v1/auth/token", json=body), 200)
    listed = made(await on.owner.get("/auth/sessions"), 200)["data"]
    return str(next(one["id"] for one in listed if not one["current"]))


async def factor(on: Scene) -> str:
    """Of somebody else, who takes the owner's place: with a factor the owner of the rest would need it all the time."""
    owner = on.people["owner"] = await on.world.person("owner")
    await owner.verify("email")
    made(await owner.post("/auth/factors/codes", {"channel": "email"}))
    return str(made(await owner.get("/auth/factors"), 200)["data"][0]["id"])


async def key(on: Scene) -> str:
    """The idempotency key of a payment of the owner."""
    mine = new_key()
    made(await on.owner.pay(on.counterparty, 7, note=SECRET, audience="private", key=mine))
    return mine


async def person(on: Scene) -> str:
    return on.owner.id


async def newcomer(on: Scene) -> str:
    """Somebody else, who takes the owner's place."""
    owner = on.people["owner"] = await on.world.person("owner")
    return owner.id
