"""What the feed does when something has happened. Every handler may run twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from venmo_api.adapters.bundle import Adapters
from venmo_api.adapters.keys import KeyAway
from venmo_api.adapters.postgres import Transaction
from venmo_api.adapters.redis import Redis, RedisAway
from venmo_api.core.events import (
    Event,
    FriendshipEnded,
    FriendshipStarted,
    PastNarrowed,
    PersonBlocked,
    PersonUnblocked,
    ProfileChanged,
    ReachChanged,
    StoryChanged,
    TransferSettled,
)
from venmo_api.feed import cache, documents, queries, service
from venmo_api.feed import stories as found
from venmo_api.feed.cache import timeline
from venmo_api.feed.rules import Story, Timeline, is_pulled
from venmo_api.outbox import service as outbox
from venmo_api.users import service as users
from venmo_api.users.rules import Audience

Timelines = Mapping[bytes, Sequence[bytes]]
"""The stories that go into each timeline. A batch touches the same timelines again and again, so it goes by these."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the way of stories depends on: what they have become, their parties as others see them, who these are
    friends with, and whose friends look stories up and have none pushed."""

    stories: Sequence[Story]
    people: users.Parties
    circles: Mapping[UUID, bytes]
    pulled: frozenset[UUID]

    def friends_of(self, person: UUID) -> set[bytes]:
        packed = self.circles.get(person, b"")
        return {packed[at : at + 16] for at in range(0, len(packed), 16)}


async def show_at_once(redis: Redis, events: Sequence[Event]) -> None:
    """Right after the commit, in the process that made it: a payer's next read finds their own payment, and what is to
    be seen no longer is not. The worker does the same, in case that Redis could not be reached."""
    timelines: dict[bytes, list[bytes]] = defaultdict(list)
    gone: list[bytes] = []
    changed: list[UUID] = []
    for event in events:
        if isinstance(event, TransferSettled):
            for key in _own_timelines(event):
                timelines[key].append(event.transfer_id.bytes)
        elif isinstance(event, StoryChanged):
            changed.append(event.story_id)
        else:
            gone += _reading_of(_pair(event))
    with suppress(RedisAway):
        await cache.push(redis, timelines)
        await cache.forget(redis, gone)
        await cache.forget_stories(redis, changed)


async def record(app: Adapters, events: Sequence[Event]) -> None:
    """Keep the story of each payment, and put it into the timelines of all who may see it.

    Raises RedisAway when Redis is: the relay comes back, so that no timeline that outlives an outage misses a story.
    """
    announced = [found.from_event(event) for event in events if isinstance(event, TransferSettled)]
    await app.database.transact(queries.insert, announced)
    around = await app.database.read(_surroundings, announced)
    wanted = await cache.push(app.redis, _timelines(around))
    shown = [story for story in around.stories if story.id.bytes in wanted]
    with suppress(KeyAway):  # whoever reads them makes the documents, once the keys are there
        await cache.keep_stories(app.redis, documents.render(shown, around.people, app.keys))
    await _look_again(app, announced, around)


async def redraw(app: Adapters, events: Sequence[Event]) -> None:
    """Somebody has a new name: forget the documents that show the old one."""
    for person in {event.user_id for event in events if isinstance(event, ProfileChanged)}:
        after: UUID | None = None
        while ids := await app.database.read(
            queries.ids, Timeline.MINE, person, after=after, most=service.STORIES_MOST
        ):
            await cache.forget_stories(app.redis, ids)
            after = ids[-1]


async def redraw_stories(app: Adapters, events: Sequence[Event]) -> None:
    """What is shown of some stories has changed."""
    await cache.forget_stories(app.redis, {event.story_id for event in events if isinstance(event, StoryChanged)})


async def begin_anew(app: Adapters) -> None:
    """After an outage: what survived it lacks what happened meanwhile, and there may be so much of that to catch up
    with that a block would wait behind it. Raises RedisAway."""
    await cache.forget_all(app.redis)


async def narrow(app: Adapters, events: Sequence[Event]) -> None:
    """Some people want their past to be seen by fewer."""
    for person in {event.user_id for event in events if isinstance(event, PastNarrowed)}:
        await service.apply_wishes(app, person)


async def reshuffle(app: Adapters, events: Sequence[Event]) -> None:
    """Two people became friends, or ceased to be, or are hidden from each other, or no longer: both see other stories
    from now on. One of them may have got so many friends that these look the stories up."""
    people = {person for event in events for person in _pair(event)}
    parted = {person for event in events if isinstance(event, FriendshipEnded) for person in _pair(event)}
    await cache.part(app.redis, parted)
    await cache.forget(app.redis, _reading_of(people))
    befriended = [event for event in events if isinstance(event, (FriendshipStarted, FriendshipEnded))]
    if befriended:
        await app.database.transact(_mark, app, {person for event in befriended for person in _pair(event)})


async def change_reach(app: Adapters, events: Sequence[Event]) -> None:
    """The stories of some people come to their friends another way: what these have ready is made anew."""
    people = sorted({event.user_id for event in events if isinstance(event, ReachChanged)})
    circles = await app.database.read(users.circles, people)
    await cache.forget(app.redis, [timeline(Timeline.AUTHOR, person.bytes) for person in people])
    for packed in circles.values():
        friends = [UUID(bytes=packed[at : at + 16]) for at in range(0, len(packed), 16)]
        await cache.forget(app.redis, _reading_of(friends))


async def _mark(tx: Transaction, app: Adapters, people: set[UUID]) -> None:
    circles = await users.circles(tx, people)
    pulled = await queries.pulled(tx, people)
    now = app.clock.now()
    for person in sorted(people):
        friends, was = len(circles.get(person, b"")) // 16, person in pulled
        is_now = is_pulled(friends, most=app.figures.fanout_most, was=was)
        if is_now is not was and await (
            queries.pull(tx, person, since=now) if is_now else queries.push_again(tx, person)
        ):
            await outbox.emit(tx, [ReachChanged(person, now)], new_id=app.new_id)


def _pair(event: Event) -> tuple[UUID, ...]:
    if isinstance(event, (FriendshipStarted, FriendshipEnded)):
        return (event.user_id, event.friend_id)
    return (event.user_id, event.blocked_id) if isinstance(event, (PersonBlocked, PersonUnblocked)) else ()


def _reading_of(people: Iterable[UUID]) -> list[bytes]:
    """What is kept ready of how these people see others' stories."""
    return [key for one in people for key in (timeline(Timeline.FRIENDS, one.bytes), cache.view(one.bytes))]


async def _surroundings(tx: Transaction, announced: Sequence[Story]) -> Surroundings:
    parties = {person for story in announced for person in story.parties}
    people, pulled = await tx.together(users.parties(tx, parties), queries.pulled(tx, parties))
    changed = map(found.recorded, await queries.changed(tx, [story.id for story in announced]))
    now = {story.id: story for story in changed}
    stories = [now.get(story.id, story) for story in announced]
    return Surroundings(stories, people, await users.circles(tx, parties - pulled), pulled)


def _own_timelines(event: TransferSettled) -> list[bytes]:
    """The payer's, and everybody's if the story is public: where the payer looks next."""
    payer = event.sender_id.bytes
    own = [timeline(Timeline.FRIENDS, payer), timeline(Timeline.MINE, payer)]
    return [*own, timeline(Timeline.PUBLIC, payer)] if event.audience == Audience.PUBLIC else own


def _timelines(around: Surroundings) -> Timelines:
    held: dict[bytes, list[bytes]] = defaultdict(list)
    by_viewer: dict[bytes, list[bytes]] = defaultdict(list)
    circles = {person: around.friends_of(person) for person in around.people}
    for story in around.stories:
        story_id = story.id.bytes
        for viewer in _viewers(story, circles):
            by_viewer[viewer].append(story_id)
        for person in story.parties:
            held[timeline(Timeline.MINE, person.bytes)].append(story_id)
            if story.audience is not Audience.PRIVATE:
                held[timeline(Timeline.AUTHOR, person.bytes)].append(story_id)
        if story.audience is Audience.PUBLIC:
            held[timeline(Timeline.PUBLIC, story.actor_id.bytes)].append(story_id)
    return held | {timeline(Timeline.FRIENDS, viewer): ids for viewer, ids in by_viewer.items()}


def _viewers(story: Story, circles: Mapping[UUID, set[bytes]]) -> set[bytes]:
    """Into whose friends feed the story is pushed."""
    actor, target = story.parties
    if story.audience is Audience.PRIVATE:
        return {actor.bytes, target.bytes}
    return {actor.bytes, target.bytes} | circles[actor] | circles[target]


async def _look_again(app: Adapters, announced: Sequence[Story], before: Surroundings) -> None:
    """A friendship may have ended, a name changed, or a story been narrowed between asking and pushing. What happened
    before this second look is taken back here; what happens later has its timelines or documents forgotten by the
    handlers above. Who is hidden is asked for by each reader."""
    now = await app.database.read(_surroundings, announced)
    if now == before:
        return
    still = _timelines(now)
    for key, ids in _timelines(before).items():
        if gone := set(ids).difference(still.get(key, ())):
            await cache.remove(app.redis, key, gone)
    renamed = {person for person, party in before.people.items() if party != now.people.get(person)}
    outdated = [
        story.id
        for story, then in zip(now.stories, before.stories, strict=True)
        if story != then or not renamed.isdisjoint(story.parties)
    ]
    await cache.forget_stories(app.redis, outdated)
