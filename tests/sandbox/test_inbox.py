"""The inbox of the sandbox: what would have been sent to a person, for their eyes only."""

from tests.conftest import World
from tests.feed.oracle import moment
from venmo_api.core import ids


async def test_messages_stand_newest_first_page_by_page(world: World) -> None:
    alice = await world.person("alice")
    own = ids.decode(ids.USER, alice.id)
    assert own is not None
    for number in range(5):
        await world.app.messenger.send(own, "email", alice.email, f"message {number}")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await alice.get("/sandbox/inbox", limit=2, **cursor)).json()
        seen += [message["text"] for message in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"message {number}" for number in reversed(range(5))]
    newest = (await alice.get("/sandbox/inbox")).json()["data"][0]
    assert set(newest) == {"id", "channel", "address", "text", "sent_at"}
    assert (newest["channel"], newest["address"]) == ("email", alice.email)
    assert newest["id"].startswith("msg_")
    assert abs((moment(newest["sent_at"]) - world.clock.now()).total_seconds()) < 60


async def test_nobody_reads_what_was_sent_to_others(world: World) -> None:
    alice, bob = await world.person("alice"), await world.person("bob")
    await alice.code()
    assert len((await alice.get("/sandbox/inbox")).json()["data"]) == 1
    assert (await bob.get("/sandbox/inbox")).json()["data"] == []
    assert (await world.client.get("/v1/sandbox/inbox")).status_code == 401


async def test_a_page_that_cannot_be_is_refused(world: World) -> None:
    alice = await world.person("alice")
    for query in ({"limit": 0}, {"limit": 101}, {"cursor": "junk"}, {"x": "1"}):
        assert (await alice.get("/sandbox/inbox", **query)).status_code == 422


async def test_who_is_not_signed_in_reads_the_code_by_address(world: World) -> None:
    alice = await world.person("alice")
    await world.client.post("/v1/auth/password-reset", json={"identifier": alice.username})
    await alice.verify()
    await world.client.post("/v1/auth/password-reset", json={"identifier": alice.username})
    await world.drain()
    answer = await world.client.get("/v1/sandbox/messages", params={"address": alice.email.upper()})
    assert answer.status_code == 200
    own = (await alice.get("/sandbox/inbox")).json()["data"]
    assert answer.json()["data"] == [message for message in own if message["channel"] == "email"]
    for address in ("nobody@example.com", "no address"):
        nothing = await world.client.get("/v1/sandbox/messages", params={"address": address})
        assert (nothing.status_code, nothing.json()["data"]) == (200, [])
    assert (await world.client.get("/v1/sandbox/messages")).status_code == 422
