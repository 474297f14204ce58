"""GET /v1/public/stories: one page for all, without what is for somebody; and GET /v1/auth/check."""

import dataclasses

from tests.conftest import GENEROUS, Person, World, world_over
from tests.feed.oracle import whole_feed
from venmo_api.settings import Settings

SHARED = "public, max-age=0, s-maxage=3, stale-while-revalidate=2"


async def pay_openly(world: World, payer: Person, payee: Person, *noted: str) -> None:
    for person in (payer, payee):
        await person.patch("/me", {"default_audience": "public"})
    for note in noted:
        paid = await payer.pay(payee, 1_234, note=note, audience="public")
        assert paid.status_code == 201, paid.text
    await world.drain()


async def notes(person: Person, **asked: object) -> list[str]:
    return [story["note"] for story in (await person.get("/public/stories", **asked)).json()["data"]]


async def test_all_get_the_same_page_and_the_parties_no_more_of_it(fresh: World) -> None:
    alice, bob, carol = [await fresh.person(money=10_000) for _ in range(3)]
    await pay_openly(fresh, alice, bob, "for all")
    await alice.pay(bob, 1, note="for friends", audience="friends")
    await alice.pay(bob, 1, note="for the two", audience="private")
    await fresh.drain()
    await alice.put(f"/stories/{(await alice.get('/public/stories')).json()['data'][0]['id']}/like")
    await fresh.drain()
    pages = [await person.get("/public/stories") for person in (alice, bob, carol)]
    assert len({page.content for page in pages}) == 1
    assert {page.headers["cache-control"] for page in pages} == {SHARED}
    (story,) = pages[0].json()["data"]
    assert story["note"] == "for all"
    assert story["likes"] == 1
    assert story.keys().isdisjoint({"amount", "currency", "liked", "mine"})
    assert story["created_at"].endswith("T00:00:00.000Z")


async def test_pages_follow_one_another(fresh: World) -> None:
    alice, bob = await fresh.person(money=100_000), await fresh.person()
    await pay_openly(fresh, alice, bob, *(f"number {number}" for number in range(7)))
    first = (await bob.get("/public/stories", limit=3)).json()
    await pay_openly(fresh, alice, bob, "one more")
    second = (await bob.get("/public/stories", limit=3, cursor=first["next_cursor"])).json()
    assert [story["note"] for story in first["data"] + second["data"]] == [f"number {at}" for at in (6, 5, 4, 3, 2, 1)]
    assert (first["has_more"], second["has_more"]) == (True, True)
    refused = await bob.get("/public/stories", scope="mine")
    assert (refused.status_code, refused.headers["cache-control"]) == (422, "private, no-store")


async def test_who_has_hidden_people_gets_a_page_without_them_that_nobody_shares(fresh: World) -> None:
    alice, bob, carol, dora = [await fresh.person(money=10_000) for _ in range(4)]
    await pay_openly(fresh, alice, bob, "of alice")
    await pay_openly(fresh, carol, dora, "of carol")
    await bob.post(f"/users/{carol.id}/block")
    for person in (bob, carol):
        page = await person.get("/public/stories")
        assert page.headers["cache-control"] == "private, no-cache"
        assert (await person.get("/auth/check")).headers["public-view"] == "own"
    assert await notes(bob) == ["of alice"]
    assert await notes(carol) == ["of carol"]
    for person in (alice, dora):
        assert await notes(person) == ["of carol", "of alice"]
        assert (await person.get("/auth/check")).headers["public-view"] == "shared"
    await bob.delete(f"/users/{carol.id}/block")
    assert await notes(bob) == ["of carol", "of alice"]


async def test_a_check_says_whether_a_token_counts_and_is_kept_by_nobody_else(world: World) -> None:
    alice = await world.person()
    answer = await alice.get("/auth/check")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (answer.headers["cache-control"], answer.headers["vary"]) == ("private, max-age=1", "Authorization")
    await alice.post("/auth/logout")
    for path in ("/auth/check", "/public/stories"):
        refused = await alice.get(path)
        assert (refused.status_code, refused.headers["cache-control"]) == (401, "private, no-store")
        assert (await world.client.get("/v1" + path)).status_code == 401


async def test_who_reads_page_after_page_of_everybodys_stories_is_counted(settings: Settings, fresh: World) -> None:
    alice, bob = await fresh.person(money=10_000), await fresh.person()
    await pay_openly(fresh, alice, bob, "one", "two", "three")
    url = fresh.app.database.engine.url.render_as_string(hide_password=False)
    few = {"figures": dataclasses.replace(GENEROUS, quota_look_ups=4), "database_url": url}
    async with world_over(settings.model_copy(update=few), redis=fresh.app.redis) as limited:
        reader = dataclasses.replace(bob, client=limited.client)
        assert len(await whole_feed(reader, "public", limit=1)) == 3  # two look-ups
        cursor = (await reader.get("/public/stories", limit=1)).json()["next_cursor"]
        asked = [await reader.get("/public/stories", limit=1, cursor=cursor) for _ in range(3)]
        assert [answer.status_code for answer in asked] == [200, 200, 429]
        assert (await reader.get("/public/stories")).status_code == 200
        assert (await reader.get(f"/users/{alice.id}/feed")).status_code == 429
