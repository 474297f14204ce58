"""The SQL says what the rules say: every page of every feed, for people who stand to each other in any way."""

import random
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.conftest import World
from venmo_api.feed import queries
from venmo_api.feed.rules import Scope, Story, belongs_in, may_see
from venmo_api.users.rules import Audience, Relations

AT = datetime(2026, 1, 1, tzinfo=UTC)


def some_stories(world: World, people: list[UUID], chance: random.Random) -> list[Story]:
    stories = []
    for number in range(120):
        actor, target = chance.sample(people, 2)
        audience = chance.choice(list(Audience))
        stories.append(Story(world.app.new_id(), actor, target, "paid", 1, "USD", f"n{number}", audience, 0, 0, AT))
    return stories[::-1]


def some_relations(viewer: UUID, people: list[UUID], chance: random.Random) -> Relations:
    others = [person for person in people if person != viewer]
    chance.shuffle(others)
    friends, hidden = chance.randrange(4), chance.randrange(3)
    return Relations(frozenset(others[:friends]), frozenset(others[friends : friends + hidden]))


@pytest.mark.parametrize("seed", range(4))
async def test_every_page_holds_what_the_rules_let_the_viewer_see(fresh: World, seed: int) -> None:
    chance = random.Random(seed)
    people = [fresh.app.new_id() for _ in range(6)]
    stories = some_stories(fresh, people, chance)
    await fresh.app.database.transact(queries.insert, stories)
    for viewer in people * 3:
        relations = some_relations(viewer, people, chance)
        after = chance.choice([None, chance.choice(stories).id])
        most = chance.choice([3, 200])
        below = [story for story in stories if after is None or story.id < after]
        for scope in Scope:
            rows = await fresh.app.database.read(queries.page, scope, viewer, relations, after=after, most=most)
            wanted = [story.id for story in below if belongs_in(scope, viewer, story, relations)]
            assert [row.id for row in rows] == wanted[:most], (scope, relations)
        for about in (chance.sample(people, 1), chance.sample(people, 2)):
            rows = await fresh.app.database.read(
                queries.page_about, about, viewer=viewer, relations=relations, after=after, most=most
            )
            told = [story for story in below if set(about) <= set(story.parties)]
            wanted = [story.id for story in told if may_see(viewer, story, relations)]
            assert [row.id for row in rows] == wanted[:most], (about, relations)
