"""Comments: what is said, who is meant, who may read and delete it, and that the count is the rows."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest

from tests.conftest import Person, World
from tests.feed.acts import Talk, block, refusal, talk, uuid_of
from venmo_api.core import ids
from venmo_api.feed import service
from venmo_api.privacy import service as privacy

NOWHERE = "com_" + "0" * 32


def at(story: Talk, comment: dict[str, Any]) -> str:
    return f"{story.story}/comments/{comment['id']}"


async def test_a_comment_is_told_with_its_author_and_second_and_counted(world: World) -> None:
    story = await talk(world)
    made = await story.say(story.carol, "nice 🍕")
    assert set(made) == {"id", "author", "text", "mentions", "created_at"}
    assert (made["author"]["username"], made["text"], made["mentions"]) == (story.carol.username, "nice 🍕", [])
    assert made["created_at"].endswith(".000Z")
    for reader in (story.alice, story.bob, story.carol):
        found = (await reader.get(f"{story.story}/comments")).json()
        assert found == {"data": [made], "next_cursor": None, "has_more": False}
        assert (await story.shown(reader))["comments"] == 1
    [added] = await story.events("CommentAdded")
    assert added.user_id == uuid_of(story.carol.id)  # type: ignore[union-attr]
    assert "nice" not in repr(await story.rows("SELECT payload::text FROM events WHERE topic = 'CommentAdded'"))


async def test_words_are_judged_as_those_of_notes(world: World) -> None:
    story = await talk(world)
    for words in ("", " ", "x" * 281, "a\u0000b", "a\u202eb", "\u200b", 7, None):
        answer = await story.carol.post(f"{story.story}/comments", {"text": words})
        assert refusal(answer) == (422, "validation_failed"), words
    assert await story.counted() == (0, 0, 0, 0)


async def test_the_longest_comment_is_of_280_characters_as_people_count_them(world: World) -> None:
    story = await talk(world)
    for words in ("x" * 280, "👨‍👩‍👧‍👦" * 280):
        assert (await story.say(story.carol, words))["text"] == words


async def test_comments_are_read_oldest_first_and_pages_stay_as_they_were(world: World) -> None:
    story = await talk(world)
    for number in range(5):
        await story.say(story.carol, f"n{number}")
    first = (await story.bob.get(f"{story.story}/comments", limit=2)).json()
    assert [comment["text"] for comment in first["data"]] == ["n0", "n1"]
    await story.carol.delete(at(story, first["data"][1]))
    await story.say(story.alice, "n5")
    rest = (await story.bob.get(f"{story.story}/comments", cursor=first["next_cursor"])).json()
    assert [comment["text"] for comment in rest["data"]] == ["n2", "n3", "n4", "n5"]


async def test_whom_a_comment_means_is_told_with_their_places(world: World) -> None:
    story = await talk(world)
    words = (
        f"🍕 @{story.bob.username.upper()}, ask @{story.carol.username}! not x@{story.bob.username} nor @nobody_at_all"
    )
    made = await story.say(story.alice, words)
    meant = [(one["username"], words[one["start"] : one["end"]].lower()) for one in made["mentions"]]
    assert meant == [(who.username, "@" + who.username) for who in (story.bob, story.carol)]
    assert set(made["mentions"][0]) == {"id", "username", "display_name", "avatar_url", "start", "end"}
    assert (await story.bob.get(f"{story.story}/comments")).json()["data"] == [made]
    [added] = await story.events("CommentAdded")
    assert added.mentions == (uuid_of(story.bob.id), uuid_of(story.carol.id))  # type: ignore[union-attr]


async def test_who_may_not_see_the_story_is_meant_and_hears_nothing(world: World) -> None:
    story = await talk(world)
    made = await story.say(story.alice, f"@{story.dave.username} @{story.alice.username}")
    assert [one["username"] for one in made["mentions"]] == [story.dave.username, story.alice.username]
    [added] = await story.events("CommentAdded")
    assert added.mentions == ()  # type: ignore[union-attr]
    await world.drain()
    assert (await story.dave.get("/inbox")).json()["data"] == []


async def test_a_mention_does_not_tell_who_is_a_friend_of_the_other_party_nor_whom_they_block(world: World) -> None:
    """Friend lists are private: whoever pays somebody a cent must not learn them by naming everybody."""
    for audience in ("friends", "public"):
        story = await talk(world, audience=audience)
        friend, stranger, blocked = [await world.person() for _ in range(3)]
        await story.bob.befriend(friend)
        await block(story.bob, blocked)
        named = (friend, stranger, blocked)
        made = await story.say(story.alice, " ".join("@" + person.username for person in named))
        assert [one["id"] for one in made["mentions"]] == [person.id for person in named]
        for reader in (story.alice, story.carol):
            assert (await reader.get(f"{story.story}/comments")).json()["data"] == [made]
        seen = (await story.bob.get(f"{story.story}/comments")).json()["data"]
        assert [one["id"] for one in seen[0]["mentions"]] == [friend.id, stranger.id]
        [added] = await story.events("CommentAdded")
        told = [friend] if audience == "friends" else [friend, stranger]
        assert added.mentions == tuple(uuid_of(person.id) for person in told)  # type: ignore[union-attr]


async def test_who_is_hidden_from_the_author_is_not_meant(world: World) -> None:
    story = await talk(world, audience="public")
    await block(story.dave, story.carol)
    words = f"@{story.dave.username} @{story.bob.username}"
    assert [one["username"] for one in (await story.say(story.carol, words))["mentions"]] == [story.bob.username]
    made = await story.say(story.alice, words)
    assert len(made["mentions"]) == 2
    [_, seen] = (await story.carol.get(f"{story.story}/comments")).json()["data"]
    assert [one["username"] for one in seen["mentions"]] == [story.bob.username]


async def test_ten_people_are_meant_and_no_more(world: World) -> None:
    story = await talk(world, audience="public")
    people = [await world.person("m") for _ in range(11)]
    words = " ".join("@" + person.username for person in people)
    assert len(words) <= 280
    made = await story.say(story.alice, words)
    assert [one["id"] for one in made["mentions"]] == [person.id for person in people[:10]]


@pytest.mark.parametrize(("audience", "seeing"), [("private", "ab"), ("friends", "abc"), ("public", "abcd")])
async def test_who_may_see_a_story_may_talk_about_it_and_for_others_it_is_not_there(
    world: World, audience: str, seeing: str
) -> None:
    story = await talk(world, audience=audience)
    there = await story.say(story.alice, "first")
    for who in (story.bob, story.carol, story.dave):
        answers = [
            await who.get(f"{story.story}/comments"),
            await who.post(f"{story.story}/comments", {"text": "hi"}),
            await who.delete(f"{story.story}/comments/{NOWHERE}"),
            await who.post(f"{at(story, there)}/report", {"reason": "spam"}),
        ]
        if who.username[0] in seeing:
            assert [answer.status_code for answer in answers] == [200, 201, 404, 204]
            assert answers[2].json()["code"] == "comment_not_found"
        else:
            assert {refusal(answer) for answer in answers} == {(404, "story_not_found")}
            assert refusal(await who.delete(at(story, there))) == (404, "story_not_found")
    assert (await story.counted())[1] == len(seeing)


async def test_ones_own_is_deleted_and_on_ones_own_story_anybodys(world: World) -> None:
    story = await talk(world, audience="public")
    own, others, mine = [await story.say(who, "x") for who in (story.carol, story.carol, story.alice)]
    assert refusal(await story.dave.delete(at(story, own))) == (403, "not_your_comment")
    assert refusal(await story.carol.delete(at(story, mine))) == (403, "not_your_comment")
    assert (await story.carol.delete(at(story, own))).status_code == 204
    assert (await story.bob.delete(at(story, others))).status_code == 204
    assert refusal(await story.carol.delete(at(story, own))) == (404, "comment_not_found")
    assert await story.said(story.dave) == ["x"]
    assert await story.counted() == (0, 1, 0, 1)
    deleted = await story.events("CommentDeleted")
    assert [event.user_id for event in deleted] == [  # type: ignore[union-attr]
        uuid_of(story.carol.id),
        uuid_of(story.bob.id),
    ]
    noted = await story.rows(
        "SELECT actor_id, subject_id FROM audit_log WHERE act = 'delete_comment' AND subject_id = :carol",
        carol=uuid_of(story.carol.id),
    )
    assert [tuple(row) for row in noted] == [(uuid_of(story.bob.id), uuid_of(story.carol.id))]


async def test_ones_own_is_deleted_also_where_one_may_see_the_story_no_more(world: World) -> None:
    for narrowed in (False, True):
        story = await talk(world)
        own, others = await story.say(story.carol, "mine"), await story.say(story.bob, "theirs")
        if narrowed:
            await story.alice.patch(story.story, {"audience": "private"})
        else:
            await story.alice.delete(f"/friends/{story.carol.id}")
        assert (await story.carol.delete(at(story, own))).status_code == 204
        assert refusal(await story.carol.delete(at(story, own))) == (404, "story_not_found")
        assert refusal(await story.carol.delete(at(story, others))) == (404, "story_not_found")
        assert await story.said(story.alice) == ["theirs"]
        assert await story.counted() == (0, 1, 0, 1)


async def test_a_comment_is_reached_through_its_own_story_only(world: World) -> None:
    story, other = await talk(world), await talk(world, audience="public")
    made = await story.say(story.alice, "x")
    await other.carol.befriend(story.alice)
    elsewhere = f"{other.story}/comments/{made['id']}"
    assert refusal(await story.alice.delete(elsewhere)) == (404, "comment_not_found")
    assert refusal(await story.alice.post(f"{elsewhere}/report", {"reason": "spam"})) == (404, "comment_not_found")


async def test_whom_a_party_hides_says_nothing_and_has_said_nothing(world: World) -> None:
    story = await talk(world, audience="public")
    made = await story.say(story.dave, "mean")
    await block(story.bob, story.dave)
    assert refusal(await story.dave.post(f"{story.story}/comments", {"text": "x"})) == (404, "story_not_found")
    for reader in (story.alice, story.bob, story.carol):
        assert await story.said(reader) == []
        assert refusal(await reader.post(f"{at(story, made)}/report", {"reason": "spam"})) == (404, "comment_not_found")
    assert refusal(await story.bob.delete(at(story, made))) == (404, "comment_not_found")


async def test_parties_who_hide_from_each_other_still_have_said_what_they_said_to_all_others(world: World) -> None:
    story = await talk(world, audience="public")
    for who in (story.alice, story.bob, story.carol):
        await story.say(who, who.username)
        assert (await who.put(f"{story.story}/like")).status_code == 204
    await block(story.bob, story.alice)
    for reader, unseen in ((story.alice, story.bob), (story.bob, story.alice), (story.carol, None), (story.dave, None)):
        shown = {who.username for who in (story.alice, story.bob, story.carol) if who is not unseen}
        liking = (await reader.get(f"{story.story}/reactions")).json()["data"]
        assert set(await story.said(reader)) == shown == {row["user"]["username"] for row in liking}


async def test_whom_the_reader_hides_has_said_nothing_to_the_reader(world: World) -> None:
    story = await talk(world, audience="public")
    await story.say(story.dave, "to you all")
    await block(story.carol, story.dave)
    assert await story.said(story.carol) == []
    assert await story.said(story.alice) == ["to you all"]


async def test_a_list_that_forgets_who_is_hidden_is_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object) -> frozenset[UUID]:
        return frozenset()

    story = await talk(world, audience="public")
    await story.say(story.dave, "mean")
    await block(story.bob, story.dave)
    monkeypatch.setattr(service, "hidden_on", nobody)
    assert await story.said(story.bob) == await story.said(story.carol) == ["mean"]


async def test_what_an_erased_person_said_is_gone_and_still_counted(world: World) -> None:
    story = await talk(world)
    await story.say(story.carol, f"secret of mine, @{story.bob.username}")
    await story.carol.post(f"{story.story}/report", {"reason": "other", "text": "secret of mine"})
    await world.app.database.transact(privacy.erase, world.app, story.carol.username)
    [left] = (await story.alice.get(f"{story.story}/comments")).json()["data"]
    assert (left["text"], left["mentions"], left["author"]["display_name"]) == ("", [], "Erased")
    assert await story.counted() == (0, 1, 0, 1)
    assert await story.rows("SELECT id FROM comments WHERE words LIKE 'secret%' AND story_id = :story_id") == []
    assert await story.rows("SELECT id FROM reports WHERE words LIKE 'secret%' AND story_id = :story_id") == []
    assert (await story.carol.post(f"{story.story}/comments", {"text": "still here"})).status_code in (401, 404)


async def test_who_is_erased_while_they_talk_has_said_nothing(world: World) -> None:
    for _ in range(3):
        story = await talk(world)
        talking = [story.carol.post(f"{story.story}/comments", {"text": "secret of mine"}) for _ in range(6)]
        erasing = world.app.database.transact(privacy.erase, world.app, story.carol.username)
        await asyncio.gather(*talking[:3], erasing, *talking[3:])
        assert await story.rows("SELECT id FROM comments WHERE words <> '' AND story_id = :story_id") == []
        assert set(await story.said(story.alice)) <= {""}
        _, comments, _, rows = await story.counted()
        assert comments == rows <= 6


async def test_a_count_is_the_rows_however_many_talk_and_delete_at_once(world: World) -> None:
    story = await talk(world, audience="public")
    people = [await world.person() for _ in range(8)]
    there = [await story.say(person, "before") for person in people for _ in range(2)]

    async def say(person: Person) -> int:
        return (await person.post(f"{story.story}/comments", {"text": "now"})).status_code

    async def unsay(person: Person, comment: dict[str, Any]) -> int:
        return (await person.delete(at(story, comment))).status_code

    acts = [say(person) for person in people for _ in range(3)]
    acts += [unsay(deleter, comment) for comment in there for deleter in (story.alice, story.bob)]
    acts += [unsay(person, comment) for person, comment in zip(people, there[::2], strict=True)]
    assert len(acts) == 64
    random.shuffle(acts)
    answers = await asyncio.gather(*acts)
    assert answers.count(201) == 24
    assert answers.count(204) == len(there), "each was deleted once"
    assert answers.count(404) == 24
    assert await story.counted() == (0, 24, 0, 24)
    assert len(await story.events("CommentDeleted")) == len(there)


async def test_the_story_goes_with_its_comments_where_it_is_cached(world: World) -> None:
    story = await talk(world)
    for _ in range(2):
        assert (await story.bob.get("/feed")).json()["data"][0]["comments"] == 0
    made = await story.say(story.bob, "x")
    assert (await story.bob.get("/feed")).json()["data"][0]["comments"] == 1
    await story.alice.delete(at(story, made))
    await world.drain()
    assert (await story.bob.get("/feed")).json()["data"][0]["comments"] == 0
    assert ids.decode(ids.COMMENT, made["id"]) is not None
