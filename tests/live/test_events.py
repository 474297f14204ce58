"""GET /v1/events over real sockets: what is told, resumed, refused, ended, and what is left of it afterwards."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.conftest import Person, World
from tests.live.listener import HASTY, PATIENCE, Station, listening, station
from venmo_api.auth import sessions
from venmo_api.http.connections import Connection
from venmo_api.live.rules import BY_PERSON, WATCHED
from venmo_api.settings import Settings

# A connection that the other side aborted is left to the collector, which says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
async def here(world: World, settings: Settings) -> AsyncIterator[Station]:
    async with station(world, settings) as made:
        yield made


async def newest_story(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = (await person.get("/feed")).json()["data"][0]
    return found


async def test_a_payment_appears_on_the_streams_of_both_as_their_pages_tell_it(here: Station) -> None:
    alice, bob = await here.world.person("alice", money=5000), await here.world.person("bob")
    async with listening(here.url, alice) as hers, listening(here.url, bob) as his:
        assert hers.headers["content-type"] == "text/event-stream"
        assert hers.headers["cache-control"] == "no-store, no-transform"
        assert hers.headers["x-accel-buffering"] == "no"
        await alice.pay(bob, 700, note="pizza")
        assert await hers.first("story") == await newest_story(alice)
        await here.world.drain()
        assert await his.first("story") == await newest_story(bob)
        assert await his.first("notification") == (await bob.get("/inbox")).json()["data"][0]
        assert "paid" not in [item["kind"] for item in hers.named("notification")]


async def test_a_friend_sees_the_story_and_no_amount_and_a_stranger_nothing(here: Station) -> None:
    alice, bob, carol, dave = [await here.world.person(name, money=900) for name in ("alice", "bob", "carol", "dave")]
    await bob.befriend(carol)
    await here.world.drain()
    async with listening(here.url, carol) as hers, listening(here.url, dave) as strange:
        await alice.pay(bob, 300, note="secret of friends")
        await here.world.drain()
        told = await hers.first("story")
        assert (told["note"], "amount" in told) == ("secret of friends", False)
        assert told["created_at"].endswith("T00:00:00.000Z")
        await dave.pay(alice, 1, note="a later one")
        await strange.first("story")
        assert [story["note"] for story in strange.named("story")] == ["a later one"]


async def test_what_came_meanwhile_is_told_after_a_disconnect_and_nothing_twice(here: Station) -> None:
    alice, bob = await here.world.person("alice", money=5000), await here.world.person("bob")
    async with listening(here.url, bob) as first:
        await alice.pay(bob, 1, note="while open")
        await here.world.drain()
        await first.first("story")
        await first.first("notification")
        await first.until(lambda: first.comments)  # all is told by now
    for number in range(3):
        await alice.pay(bob, 2 + number, note=f"meanwhile {number}")
    await here.world.drain()
    async with listening(here.url, bob, last_id=first.last_id) as second:
        await second.until(lambda: len(second.named("story")) >= 3 and len(second.named("notification")) >= 3)
        assert [story["note"] for story in second.named("story")] == [f"meanwhile {number}" for number in range(3)]
        assert len({item["id"] for item in second.named("notification")}) == 3
    async with listening(here.url, bob, last_event_id=first.last_id) as third:  # who cannot set the header
        await third.until(lambda: len(third.named("story")) == 3)
    assert third.named("reset") == []


async def test_a_stream_may_break_off_between_any_two_events(here: Station) -> None:
    alice, bob = await here.world.person("alice", money=5000), await here.world.person("bob")
    async with listening(here.url, bob) as first:
        start = first.last_id
    for number in range(3):
        await alice.pay(bob, 2 + number, note=f"n {number}")
    await here.world.drain()
    async with listening(here.url, bob, last_id=start) as second:
        await second.until(lambda: len(second.named("story")) == 3 and len(second.named("notification")) == 3)
    for place, event in enumerate(second.heard):
        async with listening(here.url, bob, last_id=event.id) as again:
            rest = second.heard[place + 1 :]
            await again.until(lambda: len(again.heard) >= len(rest))  # noqa: B023
            assert {told.data["id"] for told in again.heard} == {told.data["id"] for told in rest}


async def test_who_missed_more_than_is_watched_is_told_to_read_the_page(here: Station) -> None:
    alice, bob = await here.world.person("alice", money=9000), await here.world.person("bob")
    async with listening(here.url, bob) as first:
        pass
    for number in range(WATCHED + 1):
        await alice.pay(bob, 1 + number, note=f"n {number}")
    await here.world.drain()
    async with listening(here.url, bob, last_id=first.last_id) as second:
        await second.until(lambda: len(second.named("reset")) == 2)
        assert sorted(told["of"] for told in second.named("reset")) == ["notification", "story"]
        await alice.pay(bob, 77, note="after the reset")
        await here.world.drain()
        assert (await second.first("story"))["note"] == "after the reset"


@pytest.mark.parametrize("last_id", ["nonsense", "A" * 399, "AQ"])
async def test_an_id_nobody_gave_is_answered_by_reset(here: Station, last_id: str) -> None:
    alice = await here.world.person("alice")
    async with listening(here.url, alice, last_id=last_id) as stream:
        await stream.until(lambda: len(stream.named("reset")) == 2)


async def test_a_story_that_was_recorded_late_is_told_too(here: Station) -> None:
    """Its place is below one that the client has: the order of ids is not that of coming."""
    alice, bob = await here.world.person("alice", money=5000), await here.world.person("bob", money=5000)
    async with listening(here.url, bob) as stream:
        await alice.pay(bob, 100, note="early")  # told by the worker only
        await bob.pay(alice, 200, note="later, and at once")
        assert (await stream.first("story"))["note"] == "later, and at once"
        await here.world.drain()
        await stream.until(lambda: len(stream.named("story")) == 2)
        assert [story["note"] for story in stream.named("story")] == ["later, and at once", "early"]


async def test_a_former_friend_tells_nothing_any_more(here: Station) -> None:
    alice, bob, carol = [await here.world.person(name, money=900) for name in ("alice", "bob", "carol")]
    await bob.befriend(carol)
    await alice.pay(bob, 1, note="among friends")
    await here.world.drain()
    async with listening(here.url, carol) as stream:
        await carol.delete(f"/friends/{bob.id}")
        await here.world.drain()
        gone = await stream.first("story_removed")
        await alice.pay(bob, 2, note="not for her")
        await here.world.drain()
        await carol.pay(alice, 3, note="her own")
        await stream.until(lambda: "her own" in [story["note"] for story in stream.named("story")])
        assert "not for her" not in json.dumps(stream.named("story"))
        assert gone["id"].startswith("sty_")


async def test_one_who_was_just_blocked_tells_nothing_any_more(here: Station) -> None:
    alice, bob, carol = [await here.world.person(name, money=900) for name in ("alice", "bob", "carol")]
    await bob.befriend(carol)
    await here.world.drain()
    async with listening(here.url, carol) as stream:
        assert (await carol.post(f"/users/{bob.id}/block")).status_code == 204
        await alice.pay(bob, 2, note="not for her")
        await here.world.drain()
        await carol.pay(alice, 3, note="her own")
        await stream.until(lambda: "her own" in [story["note"] for story in stream.named("story")])
        assert "not for her" not in json.dumps(stream.named("story"))


async def test_what_was_read_elsewhere_is_told(here: Station) -> None:
    alice, bob = await here.world.person("alice", money=900), await here.world.person("bob")
    await alice.pay(bob, 1)
    await here.world.drain()
    item = (await bob.get("/inbox")).json()["data"][0]
    async with listening(here.url, bob) as stream:
        assert (await bob.put(f"/inbox/{item['id']}/read")).status_code == 204
        assert (await stream.first("notification_changed"))["read_at"] is not None


async def test_silence_is_filled_with_comments(here: Station) -> None:
    async with listening(here.url, await here.world.person("alice")) as stream:
        await stream.until(lambda: len(stream.comments) >= 3)
        assert 1000 <= (stream.retry_ms or 0) <= 3000


async def test_nobody_listens_without_a_token_that_counts(here: Station) -> None:
    alice = await here.world.person("alice")
    async with listening(here.url, alice, token="wrong") as stream:
        assert (stream.status, stream.document["code"]) == (401, "not_signed_in")


async def test_a_stream_ends_with_its_session(here: Station) -> None:
    alice = await here.world.person("alice")
    async with listening(here.url, alice) as stream:
        assert (await alice.post("/auth/logout", {"refresh_token": alice.tokens["refresh_token"]})).status_code == 204
        # The world's own app knows at once; this one is told by the database, as another process is.
        async with sessions.following(here.world.app, here.verifier):
            pass
        assert (await stream.first("goodbye"))["reason"] == "signed_out"
        await stream.until(lambda: stream.ended)
    async with listening(here.url, alice, last_id=stream.last_id) as refused:
        assert refused.status == 401


async def test_a_stream_ends_with_its_access_token(here: Station) -> None:
    alice = await here.world.person("alice")
    async with listening(here.url, alice) as stream:
        here.world.wall_clock.advance(timedelta(minutes=16))
        told = await stream.first("goodbye")
        assert (told["reason"], stream.retry_ms is not None) == ("signed_out", True)
        await stream.until(lambda: stream.ended)


async def test_one_person_has_so_many_streams_and_the_next_is_refused(here: Station) -> None:
    alice, bob = await here.world.person("alice"), await here.world.person("bob")
    async with AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(listening(here.url, alice)) for _ in range(BY_PERSON)]
        async with listening(here.url, alice) as sixth:
            assert (sixth.status, sixth.document["code"]) == (429, "too_many_streams")
            assert int(sixth.headers["retry-after"]) > 0
        async with listening(here.url, bob) as other:
            assert other.status == 200
        async with listening(here.url, alice, last_id=streams[0].last_id) as again:  # goes on, and so counts once
            assert again.status == 200
            assert (await streams[0].first("goodbye"))["reason"] == "replaced"


async def test_streams_of_other_processes_count_and_are_replaced_there(here: Station, settings: Settings) -> None:
    alice = await here.world.person("alice")
    async with station(here.world, settings) as there, AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(listening(there.url, alice)) for _ in range(BY_PERSON)]
        async with asyncio.timeout(PATIENCE):  # on a busy machine Redis may seem away, and is told a little later
            while await _seats(here, alice) < BY_PERSON:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.05)
        async with listening(here.url, alice) as sixth:
            assert sixth.status == 429
        async with listening(here.url, alice, last_id=streams[0].last_id) as again:
            assert again.status == 200
            assert (await streams[0].first("goodbye"))["reason"] == "replaced"


async def test_a_process_has_so_many_streams(world: World, settings: Settings) -> None:
    people = [await world.person("p") for _ in range(3)]
    async with station(world, settings, most=2) as here, AsyncExitStack() as opened:
        for person in people[:2]:
            await opened.enter_async_context(listening(here.url, person))
        async with listening(here.url, people[2]) as third:
            assert (third.status, third.document["code"]) == (503, "no_room_for_streams")
            assert third.headers["retry-after"] == "5"


async def test_head_is_answered_at_once(here: Station) -> None:
    alice = await here.world.person("alice")
    async with httpx2.AsyncClient() as client, asyncio.timeout(10):
        answer = await client.head(here.url + "/v1/events", headers=alice.headers)
    assert (answer.status_code, answer.content) == (200, b"")
    await _emptied(here)


async def test_two_hundred_streams_that_were_dropped_leave_nothing(here: Station) -> None:
    people = [await here.world.person("p") for _ in range(40)]
    await asyncio.sleep(0.2)
    before = len(asyncio.all_tasks())
    for _ in range(BY_PERSON):
        async with AsyncExitStack() as opened:
            await asyncio.gather(*(opened.enter_async_context(listening(here.url, person)) for person in people))
            assert len(here.hub.streams) == len(people)
    await _emptied(here)
    async with asyncio.timeout(PATIENCE):
        while len(asyncio.all_tasks()) > before or await _heard_channels(here):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)
        while any([await _seats(here, person) for person in people]):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.05)


async def _seats(here: Station, person: Person) -> int:
    found: int = await here.world.app.redis.client.zcard(b"live:" + bytes.fromhex(person.id[4:]))
    return found


async def _emptied(here: Station, *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while here.hub.streams or here.hub.tasks:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def _heard_channels(here: Station) -> int:
    found = await here.world.app.redis.client.pubsub_channels(b"in:*")
    return len(found)


async def test_a_reader_who_takes_nothing_is_let_go(world: World, settings: Settings) -> None:
    class Hasty(Connection):
        take_seconds = 0.5

    alice = await world.person("alice")
    talkative = replace(HASTY, heartbeat=0.001, gather=0.001)
    async with station(world, settings, protocol=Hasty, pace=talkative) as here:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(("127.0.0.1", int(here.url.rpartition(":")[2])))
        sock.sendall(
            f"GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {alice.headers['Authorization']}\r\n\r\n".encode()
        )
        async with asyncio.timeout(10):
            while not here.hub.streams:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        await _emptied(here, seconds=PATIENCE)
        sock.close()
