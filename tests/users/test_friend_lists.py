"""Whose friend somebody is: told where both let it be seen; and who could be a friend too."""

import itertools
from typing import Any

import pytest
from sqlalchemy import text

from tests.conftest import Person, World
from tests.transfers.steps import run
from tests.users.steps import NOBODY, block, listed, show_friends, unblock, uuid
from venmo_api.adapters.postgres import Transaction
from venmo_api.privacy import service as privacy
from venmo_api.users import friends, queries

SETTINGS = ("private", "friends", "public")


async def suggested(person: Person) -> list[tuple[str, int]]:
    answer = await person.get("/friend-suggestions")
    assert answer.status_code == 200, answer.text
    assert (answer.json()["next_cursor"], answer.json()["has_more"]) == (None, False)
    return [(row["user"]["id"], row["mutual_friends"]) for row in answer.json()["data"]]


@pytest.mark.parametrize(("owners", "friends_own"), list(itertools.product(SETTINGS, SETTINGS)))
async def test_a_friendship_is_shown_where_both_let_it_be_seen(world: World, owners: str, friends_own: str) -> None:
    owner, friend, mutual, close, stranger = [
        await world.person(name) for name in ("owner", "friend", "mutual", "close", "strange")
    ]
    await owner.befriend(friend)
    await mutual.befriend(owner)
    await mutual.befriend(friend)
    await close.befriend(owner)
    await show_friends(owner, to=owners)
    await show_friends(friend, to=friends_own)
    by_owner = {"private": [], "friends": [mutual, close, friend], "public": [mutual, close, friend, stranger]}[owners]
    by_friend = {"private": [friend], "friends": [mutual, friend, owner], "public": [mutual, close, friend, stranger]}
    for viewer in (mutual, close, friend, stranger):
        seen = await listed(viewer, f"/users/{owner.id}/friends")
        assert (friend.id in seen) is (viewer in by_owner and viewer in by_friend[friends_own]), viewer.username
        assert set(seen) <= {friend.id, viewer.id}, "the others keep their lists to themselves"
    assert set(await listed(owner, f"/users/{owner.id}/friends")) == {friend.id, mutual.id, close.id}


async def test_a_new_persons_friends_are_nobodys_business(world: World) -> None:
    alice, bob, eve = [await world.person(name) for name in ("alice", "bob", "eve")]
    await alice.befriend(bob)
    await show_friends(bob)  # one who shows all they may does not show alice
    for owner in (alice, bob):
        closed = await eve.get(f"/users/{owner.id}/friends")
        without = await eve.get(f"/users/{(await world.person()).id}/friends")
        assert (closed.status_code, closed.json()) == (200, without.json())
    assert await suggested(eve) == []


async def test_an_ask_is_no_friendship(world: World) -> None:
    alice, bob, eve = [await world.person(name) for name in ("alice", "bob", "eve")]
    await show_friends(alice, bob)
    await alice.put(f"/friends/{bob.id}")
    assert await listed(eve, f"/users/{alice.id}/friends") == []
    await bob.put(f"/friends/{alice.id}")
    assert await listed(eve, f"/users/{alice.id}/friends") == [bob.id]


async def test_who_is_hidden_from_the_reader_is_in_no_list(world: World) -> None:
    alice, bob, eve = [await world.person(name) for name in ("alice", "bob", "eve")]
    await show_friends(alice, bob)
    await alice.befriend(bob)
    for one, other in ((eve, bob), (bob, eve)):
        await block(one, other)
        assert await listed(eve, f"/users/{alice.id}/friends") == []
        assert (await eve.get(f"/users/{bob.id}/friends")).status_code == 404
        await unblock(one, other)
        assert await listed(eve, f"/users/{alice.id}/friends") == [bob.id]


@pytest.mark.parametrize("user_id", [NOBODY, "usr_x", "me"])
async def test_an_unknown_person_has_no_list(world: World, user_id: str) -> None:
    answer = await (await world.person()).get(f"/users/{user_id}/friends")
    assert (answer.status_code, answer.json()["code"]) == (404, "user_not_found")


async def test_lists_are_paged_by_username(world: World) -> None:
    alice, eve = await world.person("alice"), await world.person("eve")
    others = sorted([await world.person(f"f{number}") for number in range(5)], key=lambda one: one.username)
    await show_friends(alice, *others)
    for other in others:
        await alice.befriend(other)
    page = (await eve.get(f"/users/{alice.id}/friends", limit=3)).json()
    rest = (await eve.get(f"/users/{alice.id}/friends", limit=3, cursor=page["next_cursor"])).json()
    assert [card["id"] for card in page["data"] + rest["data"]] == [other.id for other in others]
    assert (page["has_more"], rest["has_more"]) == (True, False)


async def square(world: World) -> tuple[Person, Person, Person, Person, Person]:
    """Two who know each other through two friends, and one through one of them: all show their friends."""
    me, one, two, near, far = [await world.person(name) for name in ("me", "one", "two", "near", "far")]
    for through in (one, two):
        await me.befriend(through)
        await near.befriend(through)
    await far.befriend(one)
    await show_friends(one, two, near, far)
    return me, one, two, near, far


async def test_who_has_most_friends_in_common_is_suggested_first(world: World) -> None:
    me, one, two, near, far = await square(world)
    assert await suggested(me) == [(near.id, 2), (far.id, 1)]
    assert await suggested(far) == [(near.id, 1)], "who does not show their friends is not suggested"
    await show_friends(me)
    assert sorted(await suggested(far)) == sorted([(near.id, 1), (me.id, 1)])
    assert await suggested(one) == [(two.id, 2)]


async def test_lists_that_are_not_shown_count_for_nothing(world: World) -> None:
    me, one, _two, near, far = await square(world)
    await show_friends(one, to="private")
    assert await suggested(me) == [(near.id, 1)]
    await show_friends(one, to="friends")  # which I am
    assert await suggested(me) == [(near.id, 2), (far.id, 1)]
    await show_friends(near, to="friends")  # which I am not
    assert await suggested(me) == [(far.id, 1)]


async def test_who_is_asked_hidden_dismissed_or_a_friend_is_not_suggested(world: World) -> None:
    me, _one, _two, near, far = await square(world)
    await me.put(f"/friends/{near.id}")
    assert await suggested(me) == [(far.id, 1)]
    await me.delete(f"/friends/{near.id}")
    await near.put(f"/friends/{me.id}")
    assert await suggested(me) == [(far.id, 1)]
    await me.put(f"/friends/{near.id}")
    assert await suggested(me) == [(far.id, 1)]
    await block(far, me)
    assert await suggested(me) == []
    await unblock(far, me)
    assert await suggested(me) == [(far.id, 1)]
    for _ in range(2):
        assert (await me.delete(f"/friend-suggestions/{far.id}")).status_code == 204
    assert await suggested(me) == []
    assert far.id in await listed(me, "/users", query=far.username), "only from suggestions"


async def test_of_who_is_erased_only_blocks_are_left(world: World) -> None:
    me, _one, two, near, far = await square(world)
    for dismisser, dismissed in ((me, far), (far, two)):
        await dismisser.delete(f"/friend-suggestions/{dismissed.id}")
    await block(far, near)
    await world.app.database.transact(privacy.erase, world.app, far.username)
    counts = "SELECT (SELECT count(*) FROM dismissals WHERE $1 IN (user_id, dismissed_id)), "
    counts += "(SELECT count(*) FROM friendships WHERE $1 IN (low_id, high_id)), "
    counts += "(SELECT count(*) FROM blocks WHERE $1 IN (blocker_id, blocked_id))"
    [row] = await run(world, counts, uuid(far))
    assert tuple(row) == (0, 0, 1)
    assert far.id not in [id for id, _ in await suggested(me)]


async def test_to_dismiss_nobody_or_oneself_says_nothing(world: World) -> None:
    me = await world.person()
    for user_id in (NOBODY, me.id):
        assert (await me.delete(f"/friend-suggestions/{user_id}")).status_code == 204
    assert (await me.delete("/friend-suggestions/x")).status_code == 404


async def test_suggestions_are_as_much_work_with_very_many_friends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounds as small as a test likes them: of newest friends so many, of their lists so many, of each so far."""
    me, _one, _two, near, _far = await square(world)
    for name, bounded in (("LOOKED_AT_MOST", 1), ("LISTS_MOST", 1), ("EACH_MOST", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(friends, name, bounded)
            assert [mutual for _, mutual in await suggested(me)] == ([1] if name != "EACH_MOST" else [1, 1]), name
    with monkeypatch.context() as patch:
        patch.setattr(friends, "SUGGESTED_MOST", 1)
        assert await suggested(me) == [(near.id, 2)]
        patch.setattr(friends, "LOOKED_AT_MOST", 1)
        assert await suggested(me) == [(near.id, 1)], "two signed up last"


async def test_a_crowd_is_looked_through_by_its_bounds(world: World) -> None:
    """Somebody with 3,000 friends: so many rows are read, and no more."""
    me, one, _two, near, _far = await square(world)

    async def crowd(tx: Transaction) -> None:
        people = """
            INSERT INTO users (id, username, display_name, friend_list, created_at)
            SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n + :salt), 12, '0'))::uuid, 'crowd-' || (n + :salt), 'x',
                   'public', now() FROM generate_series(1, 3000) n RETURNING id"""
        made = (await tx.execute(text(people), {"salt": uuid(me).int % 10**9})).scalars().all()
        befriend = """
            INSERT INTO friendships
            SELECT least(f, CAST(:me AS uuid)), greatest(f, CAST(:me AS uuid)), :me, now(), now()
            FROM unnest(CAST(:friends AS uuid[])) f"""
        for person in (me, one):
            await tx.execute(text(befriend), {"me": uuid(person), "friends": made})

    await world.app.database.transact(crowd)
    await run(world, "VACUUM ANALYZE friendships")

    async def explained(tx: Transaction) -> Any:
        bounds = {
            "looked_at": friends.LOOKED_AT_MOST,
            "lists": friends.LISTS_MOST,
            "each": friends.EACH_MOST,
            "most": 25,
        }
        asked = text("EXPLAIN (ANALYZE, FORMAT JSON) " + queries.SUGGESTIONS.text)
        return (await tx.execute(asked, {"viewer": uuid(me), "most": 25, **bounds})).scalar_one()

    def most_rows(node: dict[str, Any]) -> float:
        inner = [most_rows(each) for each in node.get("Plans", ())]
        return max([float(node["Actual Rows"] * node["Actual Loops"]), *inner])

    [plan] = await world.app.database.read(explained)
    assert most_rows(plan["Plan"]) <= 2 * friends.LISTS_MOST * friends.EACH_MOST
    assert (near.id, 2) in await suggested(me), "who signed up last is looked at first"
