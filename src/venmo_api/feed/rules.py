"""Who may see a story, and what of it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from venmo_api.core.errors import AppError, Kind
from venmo_api.users.rules import STRICTNESS, Audience, Relations, strictest


class Scope(StrEnum):
    FRIENDS = "friends"
    PUBLIC = "public"
    MINE = "mine"


class Timeline(StrEnum):
    """What is kept ready: a feed of somebody, or what somebody with very many friends lets them see."""

    FRIENDS = "friends"
    PUBLIC = "public"
    MINE = "mine"
    AUTHOR = "author"


class StoryNotFound(AppError):
    kind = Kind.NOT_FOUND
    code = "story_not_found"
    title = "No such story"

    def __init__(self) -> None:
        super().__init__("There is no story with this id that you may see.")


class OnlyMorePrivate(AppError):
    kind = Kind.CONFLICT
    code = "only_more_private"
    title = "What is past can only become more private"

    def __init__(self, audience: Audience) -> None:
        super().__init__(f"This story is for '{audience}' only; choose that or something stricter.")


@dataclass(frozen=True, slots=True)
class Story:
    """``amount`` is in cents and is shown to the two parties only; ``reactions``: how many with each emoji."""

    id: UUID
    actor_id: UUID
    target_id: UUID
    action: str
    amount: int
    currency: str
    note: str
    audience: Audience
    likes: int
    comments: int
    created_at: datetime
    reactions: Mapping[str, int] = field(default_factory=dict)

    @property
    def parties(self) -> tuple[UUID, UUID]:
        return (self.actor_id, self.target_id)


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody's wish for their past: until when it is for friends at most, until when for the two parties only."""

    private_until: datetime | None
    friends_until: datetime | None


def may_see(viewer: UUID, story: Story, relations: Relations) -> bool:
    """The parties always, since it is their money. Nobody from whom a party is hidden; friends of either party unless
    it is private; any signed-in person if it is public."""
    if viewer in story.parties:
        return True
    if not relations.hidden.isdisjoint(story.parties):
        return False
    return story.audience is Audience.PUBLIC or (
        story.audience is Audience.FRIENDS and not relations.friends.isdisjoint(story.parties)
    )


def may_act(viewer: UUID, story: Story, relations: Relations) -> bool:
    """Whether the viewer may like it or talk about it: a party that is hidden from them would hear of it."""
    return may_see(viewer, story, relations) and relations.hidden.isdisjoint(story.parties)


def belongs_in(scope: Scope, viewer: UUID, story: Story, relations: Relations) -> bool:
    """Whether a story stands in this feed of this viewer. The friends feed holds one's own stories too."""
    if not may_see(viewer, story, relations):
        return False
    if scope is Scope.MINE:
        return viewer in story.parties
    if scope is Scope.PUBLIC:
        return story.audience is Audience.PUBLIC
    return viewer in story.parties or not relations.friends.isdisjoint(story.parties)


def narrowed(story: Story, wishes: Iterable[Wish]) -> Story:
    """The story as its parties have come to wish it since it was announced. ``wishes``: theirs."""
    audiences = [story.audience]
    for wish in wishes:
        if wish.private_until is not None and story.created_at <= wish.private_until:
            audiences.append(Audience.PRIVATE)
        if wish.friends_until is not None and story.created_at <= wish.friends_until:
            audiences.append(Audience.FRIENDS)
    return replace(story, audience=strictest(*audiences))


def only_more_private(story: Story, audience: Audience) -> None:
    """Raises OnlyMorePrivate."""
    if STRICTNESS[audience] < STRICTNESS[story.audience]:
        raise OnlyMorePrivate(story.audience)


def is_pulled(friends: int, *, most: int, was: bool) -> bool:
    """Whether this many friends look a person's stories up, instead of having them pushed. Once so, it stays so until
    they are a tenth fewer: who has just about that many changes sides seldom."""
    return friends > (most * 9 // 10 if was else most)
