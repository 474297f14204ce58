"""The inbox: pages, what was read, events that come twice, people who are hidden, and the order of ids."""

import asyncio
import dataclasses
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from tests.conftest import Person, World, world_over
from tests.feed.oracle import NOWHERE
from tests.notifications.steps import kinds, raw, told
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.redis import Redis
from venmo_api.core import ids
from venmo_api.core.errors import Unavailable
from venmo_api.core.events import TransferSettled
from venmo_api.notifications import handlers, jobs, notices, queries, service
from venmo_api.notifications.rules import Kind, rising
from venmo_api.outbox import service as outbox
from venmo_api.settings import Settings
from venmo_api.worker import relay


def payment(world: World, sender: Person, recipient: Person) -> TransferSettled:
    parties = {"sender_id": raw(sender), "recipient_id": raw(recipient)}
    more = {"amount": 100, "currency": "USD", "note": "x", "audience": "friends", "at": world.clock.now()}
    return TransferSettled(transfer_id=world.app.new_id(), **parties, **more)


async def test_pages_stay_right_while_news_come_in(world: World) -> None:
    alice, bob = await world.person(money=1000), await world.person()
    for _ in range(5):
        await alice.pay(bob, 1)
    everything = [item["id"] for item in await told(world, bob)]
    assert everything == sorted(everything, reverse=True)
    first = (await bob.get("/inbox", limit=2)).json()
    assert (first["has_more"], first["unread"]) == (True, 5)
    await alice.pay(bob, 1)
    await world.drain()
    seen = [item["id"] for item in first["data"]]
    page = first
    while page["next_cursor"]:
        page = (await bob.get("/inbox", limit=2, cursor=page["next_cursor"])).json()
        seen += [item["id"] for item in page["data"]]
    assert seen == everything
    assert page["unread"] == 6


async def test_reading_one_and_reading_up_to_one(world: World) -> None:
    alice, bob = await world.person(money=1000), await world.person()
    for _ in range(4):
        await alice.pay(bob, 1)
    items = await told(world, bob)
    for _ in range(2):
        assert (await bob.put(f"/inbox/{items[3]['id']}/read")).status_code == 204
    unread = (await bob.get("/inbox", unread=True)).json()
    assert [item["id"] for item in unread["data"]] == [item["id"] for item in items[:3]]
    assert unread["unread"] == 3
    first_read = (await bob.get("/inbox")).json()["data"][3]["read_at"]
    world.clock.advance(timedelta(seconds=5))
    assert (await bob.post("/inbox/read", {"up_to": items[1]["id"]})).status_code == 204
    found = (await bob.get("/inbox")).json()
    assert [bool(item["read_at"]) for item in found["data"]] == [False, True, True, True]
    assert found["data"][3]["read_at"] == first_read
    assert found["unread"] == 1


async def test_what_is_told_while_all_is_read_stays_unread(world: World) -> None:
    alice, bob = await world.person(money=1000), await world.person()
    for _ in range(3):
        await alice.pay(bob, 1)
    seen = (await told(world, bob))[0]["id"]
    before = service.READ_AT_ONCE
    await asyncio.gather(
        handlers.tell(world.app, [payment(world, alice, bob) for _ in range(20)]),
        *(bob.post("/inbox/read", {"up_to": seen}) for _ in range(5)),
        handlers.tell(world.app, [payment(world, alice, bob) for _ in range(20)]),
    )
    assert (await bob.get("/inbox")).json()["unread"] == 40
    assert before == service.READ_AT_ONCE


async def test_a_large_inbox_is_read_in_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, bob = await world.person(), await world.person()
    await handlers.tell(world.app, [payment(world, alice, bob) for _ in range(10)])
    monkeypatch.setattr(service, "READ_AT_ONCE", 3)
    newest = (await told(world, bob))[0]["id"]
    await bob.post("/inbox/read", {"up_to": newest})
    assert (await bob.get("/inbox")).json()["unread"] == 0


async def test_ids_of_others_and_of_nothing_are_not_there(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person()
    await alice.pay(bob, 100)
    [item] = await told(world, bob)
    for someone, path in ((alice, item["id"]), (bob, ids.encode(ids.NOTIFICATION, uuid4())), (bob, "ntf_x")):
        answer = await someone.put(f"/inbox/{path}/read")
        assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")
    assert (await bob.get("/inbox")).json()["data"][0]["read_at"] is None
    answer = await bob.post("/inbox/read", {"up_to": "usr_" + "0" * 32})
    assert answer.status_code == 422


async def redeliver(world: World, sender: Person, recipient: Person) -> list[str]:
    event = payment(world, sender, recipient)

    async def emit(tx: Transaction) -> None:
        await outbox.emit(tx, [event, event], new_id=world.app.new_id)

    await handlers.tell(world.app, [event])
    await handlers.tell(world.app, [event, event])
    await asyncio.gather(*(handlers.tell(world.app, [event]) for _ in range(4)))
    await world.app.database.transact(emit)
    await relay(world.app).drain()
    return await kinds(world, recipient)


async def test_an_event_that_comes_again_is_told_once(world: World) -> None:
    assert await redeliver(world, await world.person(), await world.person()) == ["paid"]


async def test_planted_without_the_unique_key_it_would_be_told_again(
    fresh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drop(tx: Transaction) -> None:
        await tx.execute(text("SET LOCAL ROLE NONE"))
        await tx.execute(text("ALTER TABLE notifications DROP CONSTRAINT uq_notifications_user_id_key"))

    await fresh.app.database.transact(drop)
    monkeypatch.setattr(queries, "TELL", text(queries.TELL.text.replace("(user_id, key) ", "")))
    told_again = await redeliver(fresh, await fresh.person(), await fresh.person())
    assert len(told_again) > 1


async def test_planted_a_key_with_the_moment_of_telling_would_tell_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def key_of(kind: Kind, *parts: object) -> UUID:
        return uuid4()

    monkeypatch.setattr(notices, "key_of", key_of)
    assert len(await redeliver(world, await world.person(), await world.person())) > 1


async def test_nothing_of_hidden_people_is_told_or_shown(world: World) -> None:
    alice, bob, carol = await world.person(money=1000), await world.person(), await world.person(money=1000)
    await alice.pay(bob, 100)
    await carol.pay(bob, 100)
    await alice.put(f"/friends/{bob.id}")
    assert len(await told(world, bob)) == 3
    assert (await bob.post(f"/users/{alice.id}/block")).status_code == 204
    found = (await bob.get("/inbox")).json()
    assert ([item["actor"]["id"] for item in found["data"]], found["unread"]) == ([carol.id], 1)
    await handlers.tell(world.app, [payment(world, alice, bob), payment(world, bob, alice)])
    assert await kinds(world, bob) == ["paid"]
    await bob.delete(f"/users/{alice.id}/block")
    assert len(await told(world, bob)) == 3
    assert "paid" not in await kinds(world, alice)


async def test_a_hidden_persons_item_cannot_be_marked_either(world: World) -> None:
    alice, bob = await world.person(money=1000), await world.person()
    await alice.pay(bob, 100)
    [item] = await told(world, bob)
    await alice.post(f"/users/{bob.id}/block")
    assert (await bob.put(f"/inbox/{item['id']}/read")).status_code == 404
    assert (await bob.get("/inbox")).json()["data"] == []


async def test_planted_without_the_filter_hidden_people_would_be_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = await world.person(money=1000), await world.person()
    await alice.pay(bob, 100)
    await told(world, bob)
    await bob.post(f"/users/{alice.id}/block")
    unfiltered = "SELECT n.* FROM notifications n WHERE n.user_id = :user_id"
    monkeypatch.setattr(queries, "PAGE", text(f"{unfiltered} AND coalesce(:after, :user_id) IS NOT NULL LIMIT :most"))
    assert len((await bob.get("/inbox")).json()["data"]) == 1


async def test_a_story_that_was_narrowed_and_a_comment_that_is_gone_are_not_told_of(world: World) -> None:
    alice, bob, carol = await world.person(money=1000), await world.person(), await world.person()
    await carol.befriend(alice)
    await alice.pay(bob, 100)
    await alice.pay(bob, 100)
    await world.drain()
    stories = [story["id"] for story in (await alice.get("/feed", scope="mine")).json()["data"]]
    written = []
    for story in stories:
        answer = await alice.post(f"/stories/{story}/comments", {"text": f"@{carol.username} look"})
        written.append(answer.json()["id"])
    assert (await kinds(world, carol)).count("mentioned") == 2
    answer = await alice.patch(f"/stories/{stories[0]}", {"audience": "private"})
    assert answer.status_code == 200, answer.text
    assert (await kinds(world, carol)).count("mentioned") == 1
    await alice.delete(f"/stories/{stories[1]}/comments/{written[1]}")
    assert (await kinds(world, carol)).count("mentioned") == 0
    assert (await carol.get("/inbox")).json()["unread"] == len(await told(world, carol))


async def test_after_an_id_comes_all_that_was_told_later(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    await handlers.tell(world.app, [payment(world, alice, bob)])
    last = await world.app.database.read(service.newest, raw(bob))
    assert await world.app.database.read(service.after, raw(bob), last, 10) == []
    batches = [[payment(world, alice, bob) for _ in range(3)] for _ in range(5)]
    await asyncio.gather(*(handlers.tell(world.app, batch) for batch in batches))
    found = await world.app.database.read(service.after, raw(bob), last, 100)
    assert len(found) == 15
    assert [item.id for item in found] == sorted(item.id for item in found)
    assert len(await world.app.database.read(service.after, raw(bob), None, 100)) == 16
    assert len(await world.app.database.read(service.after, raw(bob), found[4].id, 7)) == 7


def test_ids_rise_whatever_the_clocks_say() -> None:
    late, early = UUID(int=1000), [UUID(int=5), UUID(int=3), UUID(int=2000)]
    given = rising(late, early)
    assert given == [UUID(int=1001), UUID(int=1002), UUID(int=2000)]
    assert rising(UUID(int=1), early) == sorted(early)


async def test_whose_clock_is_behind_gives_later_ids_all_the_same(world: World) -> None:
    async def push_on(tx: Transaction) -> UUID:
        last = await queries.hold_head(tx)
        await queries.move_head(tx, ahead := UUID(int=last.int + 2**80))
        return ahead

    ahead = await world.app.database.transact(push_on)
    alice, bob = await world.person(), await world.person()
    await handlers.tell(world.app, [payment(world, alice, bob) for _ in range(3)])
    assert all(item.id > ahead for item in await world.app.database.read(service.after, raw(bob), None, 100))


async def test_who_looks_at_their_inbox_is_woken_and_an_absent_redis_does_no_harm(world: World) -> None:
    alice, bob = await world.person(), await world.person()
    async with world.app.redis.client.pubsub() as channel:
        await channel.subscribe(b"in:" + raw(bob).bytes)
        await handlers.tell(world.app, [payment(world, alice, bob)])
        await bob.post("/inbox/read", {"up_to": (await bob.get("/inbox")).json()["data"][0]["id"]})
        heard: list[bytes] = []
        async with asyncio.timeout(5):
            while len(heard) < 2:
                if message := await channel.get_message(ignore_subscribe_messages=True, timeout=1):
                    heard.append(message["data"])
    assert heard == [b"", b""]


async def test_while_redis_is_away_people_are_told_all_the_same(settings: Settings, world: World) -> None:
    async with world_over(settings, redis=Redis(NOWHERE)) as other:
        alice, bob = await other.person(money=100), await other.person()
        await alice.pay(bob, 100)
        assert await kinds(other, bob) == ["paid"]
        assert await other.drain() == 0
    world.clock.advance(timedelta(seconds=2))
    assert await kinds(world, dataclasses.replace(bob, client=world.client)) == ["paid"]


async def test_old_news_is_forgotten(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person()
    await alice.pay(bob, 1)
    await told(world, bob)
    world.clock.advance(timedelta(seconds=world.app.figures.inbox_seconds - 60))
    await alice.pay(bob, 1)
    await told(world, bob)
    world.clock.advance(timedelta(seconds=120))
    assert await jobs.forget_old(world.app) >= 1
    assert len(await told(world, bob)) == 1


async def test_an_unchanged_inbox_is_not_sent_again(world: World) -> None:
    alice, bob = await world.person(money=100), await world.person()
    await alice.pay(bob, 1)
    await world.drain()
    first = await bob.get("/inbox")
    headers = bob.headers | {"If-None-Match": first.headers["etag"]}
    again = await world.client.get("/v1/inbox", headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in first.headers["cache-control"]
    await alice.pay(bob, 1)
    await world.drain()
    assert (await world.client.get("/v1/inbox", headers=headers)).status_code == 200


async def test_a_worker_that_stops_while_it_tells_does_not_hold_up_the_others(fresh: World) -> None:
    """Stopped by its machine, or cut off, with a transaction open: its row is what all who tell wait for."""
    alice, bob = await fresh.person(money=1000), await fresh.person()
    await fresh.drain()
    holds, goes_on = asyncio.Event(), asyncio.Event()

    async def stop(tx: Transaction) -> None:
        await queries.hold_head(tx)
        holds.set()
        await goes_on.wait()

    stopped = asyncio.create_task(fresh.app.database.transact(stop))
    await holds.wait()
    await alice.pay(bob, 100)
    async with asyncio.timeout(8):  # the server ends any session that idles so for ten
        while (await bob.get("/inbox")).json()["unread"] == 0:
            await relay(fresh.app).drain()
    goes_on.set()
    with suppress(Unavailable):
        await stopped
    assert await kinds(fresh, bob) == ["paid"]
