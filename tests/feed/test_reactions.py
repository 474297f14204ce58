"""Likes and emoji: who may, what is counted, and that the counts are the rows however many act at once."""

import asyncio
import random
from urllib.parse import quote

import pytest
from sqlalchemy import text

from tests.conftest import Person, World
from tests.feed.acts import HEART, PARTY, PIZZA, Talk, block, refusal, talk, uuid_of
from venmo_api.adapters.postgres import Transaction
from venmo_api.feed.act_rules import EMOJI_EACH, EMOJI_OF_ALL


def with_emoji(story: Talk, emoji: str) -> str:
    return f"{story.story}/reactions/{quote(emoji)}"


async def like(story: Talk, who: Person) -> int:
    return (await who.put(f"{story.story}/like")).status_code


async def unlike(story: Talk, who: Person) -> int:
    return (await who.delete(f"{story.story}/like")).status_code


async def test_a_like_is_counted_once_and_taken_back_once(world: World) -> None:
    story = await talk(world)
    assert [await like(story, story.carol) for _ in range(2)] == [204, 204]
    shown = await story.shown(story.carol)
    assert (shown["likes"], shown["liked"], shown["my_reactions"]) == (1, True, [])
    assert (await story.shown(story.bob))["liked"] is False
    assert [await unlike(story, story.carol) for _ in range(2)] == [204, 204]
    assert (await story.shown(story.carol))["likes"] == 0
    assert await story.counted() == (0, 0, 0, 0)


async def test_only_what_changes_something_is_an_event_and_only_the_first_like_is_news(world: World) -> None:
    story = await talk(world)
    for _ in range(2):
        await like(story, story.carol)
        await like(story, story.carol)
        await unlike(story, story.carol)
        await unlike(story, story.carol)
    likes = await story.events("StoryLiked")
    assert [(event.user_id, event.first) for event in likes] == [  # type: ignore[union-attr]
        (uuid_of(story.carol.id), True),
        (uuid_of(story.carol.id), False),
    ]
    assert set(likes[0].parties) == {uuid_of(story.alice.id), uuid_of(story.bob.id)}  # type: ignore[union-attr]
    assert len(await story.events("StoryChanged")) == 4


async def test_emoji_are_summed_up_and_one_person_has_several(world: World) -> None:
    story = await talk(world)
    for who, emoji in ((story.alice, PARTY), (story.carol, PARTY), (story.carol, PIZZA), (story.carol, PIZZA)):
        assert (await who.put(with_emoji(story, emoji))).status_code == 204
    shown = await story.shown(story.carol)
    assert (shown["reactions"], shown["my_reactions"]) == ({PARTY: 2, PIZZA: 1}, [PARTY, PIZZA])
    for _ in range(2):
        assert (await story.carol.delete(with_emoji(story, PIZZA))).status_code == 204
    assert (await story.shown(story.carol))["reactions"] == {PARTY: 2}
    reacted = await story.events("StoryReacted")
    assert [(event.emoji, event.first) for event in reacted] == [  # type: ignore[union-attr]
        (PARTY, True),
        (PARTY, True),
        (PIZZA, False),
    ]
    assert len(await story.tally()) == 2


async def test_one_emoji_has_one_spelling(world: World) -> None:
    story = await talk(world)
    await story.alice.put(with_emoji(story, HEART))
    await story.alice.put(with_emoji(story, HEART.removesuffix("\ufe0f")))
    assert (await story.shown(story.alice))["reactions"] == {HEART: 1}


NOT_ONE = ("a", "1", "%20", "🎉🎉", "🇩", "🎉a", "%E2%80%8D", "❤︎", "🏽", "%F0%9F", "x" * 200)
ONE = ("👍", "👍🏽", "👨‍👩‍👧‍👦", "👩🏻‍❤️‍💋‍👩🏽", "🏳️‍🌈", "🇩🇪", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🏴‍☠️", "⛹🏻‍♀️")


async def test_what_is_not_one_emoji_is_refused(world: World) -> None:
    story = await talk(world)
    for given in NOT_ONE:
        for method in ("PUT", "DELETE"):
            path = f"/v1{story.story}/reactions/{quote(given, safe='%')}"
            answer = await world.client.request(method, path, headers=story.alice.headers)
            assert refusal(answer) == (422, "not_an_emoji"), given
    assert (await story.shown(story.alice))["reactions"] == {}


async def test_what_is_drawn_as_one_emoji_is_one(world: World) -> None:
    story = await talk(world)
    for emoji in ONE:
        assert (await story.alice.put(with_emoji(story, emoji))).status_code == 204, emoji
    assert (await story.shown(story.alice))["my_reactions"] == list(ONE)


def faces(count: int, start: int = 0x1F600) -> list[str]:
    return [chr(start + number) for number in range(count)]


async def test_one_person_has_so_many_emoji_and_a_story_so_many_different_ones(world: World) -> None:
    story = await talk(world, audience="public")
    for emoji in faces(EMOJI_EACH):
        assert (await story.alice.put(with_emoji(story, emoji))).status_code == 204
    assert refusal(await story.alice.put(with_emoji(story, PIZZA))) == (409, "too_many_emoji")
    await story.alice.delete(with_emoji(story, faces(1)[0]))
    assert (await story.alice.put(with_emoji(story, PIZZA))).status_code == 204
    others = [await world.person() for _ in range(EMOJI_OF_ALL // EMOJI_EACH)]
    for number, other in enumerate(others):
        for emoji in faces(EMOJI_EACH, 0x1F400 + number * EMOJI_EACH):
            answer = await other.put(with_emoji(story, emoji))
            assert answer.status_code in (204, 409)
    assert refusal(await story.bob.put(with_emoji(story, HEART))) == (409, "too_many_emoji")
    assert (await story.bob.put(with_emoji(story, PIZZA))).status_code == 204
    said, given = await story.tally()
    assert len(said) == EMOJI_OF_ALL
    assert said == given


async def test_who_thinks_what_is_told_page_by_page_and_nothing_that_was_taken_back(world: World) -> None:
    story = await talk(world)
    await like(story, story.alice)
    await story.bob.put(with_emoji(story, PARTY))
    await story.carol.put(with_emoji(story, PIZZA))
    await story.carol.delete(with_emoji(story, PIZZA))
    first = (await story.carol.get(f"{story.story}/reactions", limit=1)).json()
    rest = (await story.carol.get(f"{story.story}/reactions", cursor=first["next_cursor"])).json()
    told = [(row["user"]["id"], row["liked"], row["reactions"]) for row in first["data"] + rest["data"]]
    assert told == [(story.alice.id, True, []), (story.bob.id, False, [PARTY])]
    assert rest["has_more"] is False


@pytest.mark.parametrize(("audience", "seeing"), [("private", "ab"), ("friends", "abc"), ("public", "abcd")], ids=str)
async def test_who_may_see_a_story_may_act_on_it_and_for_others_it_is_not_there(
    world: World, audience: str, seeing: str
) -> None:
    story = await talk(world, audience=audience)
    for who in (story.alice, story.bob, story.carol, story.dave):
        wanted = 204 if who.username[0] in seeing else 404
        for path in ("/like", f"/reactions/{quote(PARTY)}"):
            answers = [await who.put(story.story + path), await who.delete(story.story + path)]
            assert {answer.status_code for answer in answers} == {wanted}
        listed = await who.get(f"{story.story}/reactions")
        assert listed.status_code == (200 if wanted == 204 else 404)
        if wanted == 404:
            assert {refusal(answer) for answer in (*answers, listed)} == {(404, "story_not_found")}
    assert await story.counted() == (0, 0, 0, 0)


async def test_nobody_whom_a_party_hides_acts_on_it_or_is_shown_on_it(world: World) -> None:
    story = await talk(world, audience="public")
    await like(story, story.dave)
    await story.dave.put(with_emoji(story, PARTY))
    await block(story.bob, story.dave)
    assert await like(story, story.dave) == 404
    assert [await unlike(story, story.dave) for _ in range(2)] == [204, 404]
    for reader in (story.alice, story.bob, story.carol):
        assert (await reader.get(f"{story.story}/reactions")).json()["data"] == []


async def test_whom_the_reader_hides_is_not_shown_to_the_reader(world: World) -> None:
    story = await talk(world, audience="public")
    await like(story, story.dave)
    await block(story.dave, story.carol)
    assert (await story.carol.get(f"{story.story}/reactions")).json()["data"] == []
    assert len((await story.alice.get(f"{story.story}/reactions")).json()["data"]) == 1


async def test_a_party_who_hid_the_other_takes_back_and_gives_no_more(world: World) -> None:
    story = await talk(world)
    await like(story, story.alice)
    await block(story.alice, story.bob)
    assert await like(story, story.alice) == 404
    assert await unlike(story, story.alice) == 204
    assert await story.counted() == (0, 0, 0, 0)


async def test_a_story_still_on_its_way_is_acted_on_and_keeps_what_was_done(world: World) -> None:
    story = await talk(world, drained=False)
    assert await like(story, story.alice) == 204
    await story.alice.put(with_emoji(story, PARTY))
    await world.drain()
    for _ in range(2):
        feed = (await story.alice.get("/feed")).json()["data"]
        assert [(shown["likes"], shown["reactions"]) for shown in feed] == [(1, {PARTY: 1})]


async def test_the_feed_of_who_acts_shows_it_at_once_and_that_of_others_once_it_is_delivered(world: World) -> None:
    story = await talk(world)
    for reader in (story.alice, story.carol, story.alice, story.carol):
        assert (await reader.get("/feed")).json()["data"][0]["likes"] == 0
    await like(story, story.carol)
    assert (await story.carol.get("/feed")).json()["data"][0]["likes"] == 1
    await world.drain()
    assert (await story.alice.get("/feed")).json()["data"][0]["likes"] == 1


async def rush(story: Talk, people: list[Person]) -> None:
    """64 acts at once: of different people, and of the same ones."""
    acts = [like(story, person) for person in people for _ in range(2)]
    acts += [unlike(story, person) for person in people]
    for emoji in (PARTY, PIZZA):
        acts += [_status(person.put(with_emoji(story, emoji))) for person in people]
        acts += [_status(person.delete(with_emoji(story, emoji))) for person in people[::2]]
    random.shuffle(acts)
    answers = [
        status for start in range(0, len(acts), 64) for status in await asyncio.gather(*acts[start : start + 64])
    ]
    assert set(answers) == {204}


async def _status(asked: object) -> int:
    answer = await asked  # type: ignore[misc]
    return int(answer.status_code)


async def test_counts_are_the_rows_however_many_like_and_react_at_once(world: World) -> None:
    story = await talk(world, audience="public")
    people = [await world.person() for _ in range(16)]
    for _ in range(3):
        await rush(story, people)
        likes, _, rows, _ = await story.counted()
        assert likes == rows >= 0
        said, given = await story.tally()
        assert said == given
    await asyncio.gather(*[like(story, person) for person in people * 4])
    assert (await story.counted())[::2] == (16, 16)
    await asyncio.gather(*[unlike(story, person) for person in people * 4])
    assert (await story.counted())[::2] == (0, 0)
    firsts = [event for event in await story.events("StoryLiked") if event.first]  # type: ignore[union-attr]
    assert sorted(event.user_id for event in firsts) == sorted(uuid_of(person.id) for person in people)  # type: ignore[union-attr]


async def test_a_count_kept_beside_the_transaction_is_noticed(world: World) -> None:
    """Planted: as it would be with the row in one transaction, and the count read and written in another."""
    story = await talk(world, audience="public")
    people = [await world.person() for _ in range(16)]

    async def give(tx: Transaction, person: Person) -> None:
        await tx.execute(
            text("INSERT INTO reactions (story_id, user_id, liked) VALUES (:story_id, :user_id, true)"),
            {"story_id": story.id, "user_id": uuid_of(person.id)},
        )

    async def count(tx: Transaction) -> None:
        asked = {"story_id": story.id}
        likes = (await tx.execute(text("SELECT likes FROM stories WHERE id = :story_id"), asked)).scalar_one()
        await asyncio.sleep(0.01)
        await tx.execute(text("UPDATE stories SET likes = :likes WHERE id = :story_id"), asked | {"likes": likes + 1})

    async def careless(person: Person) -> None:
        await world.app.database.transact(give, person)
        await world.app.database.transact(count)

    await asyncio.gather(*map(careless, people))
    likes, _, rows, _ = await story.counted()
    assert likes != rows == 16


async def test_ones_own_is_taken_back_also_where_one_may_see_the_story_no_more(world: World) -> None:
    story = await talk(world)
    emoji = f"{story.story}/reactions/{PIZZA}"
    assert await like(story, story.carol) == 204
    assert (await story.carol.put(emoji)).status_code == 204
    await story.alice.delete(f"/friends/{story.carol.id}")
    assert await unlike(story, story.carol) == 204
    assert (await story.carol.delete(emoji)).status_code == 204
    assert await unlike(story, story.carol) == 404
    assert (await story.carol.delete(emoji)).status_code == 404
    assert await story.counted() == (0, 0, 0, 0)
    assert (await story.tally())[0] == {}
