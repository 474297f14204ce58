"""Who may see a story, and what of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from venmo_api.core.errors import AppError, Kind
from venmo_api.users.rules import Audience, Relations


class Scope(StrEnum):
    FRIENDS = "friends"
    PUBLIC = "public"
    MINE = "mine"


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
