"""Who may see a story, and what of it. Pure."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from venmo_api.core.errors import AppError, Kind
from venmo_api.users.rules import Audience


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


@dataclass(frozen=True, slots=True)
class Story:
    """``amount`` is in cents and is shown to the two parties only."""

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

    @property
    def parties(self) -> tuple[UUID, UUID]:
        return (self.actor_id, self.target_id)


def may_see(viewer: UUID, story: Story, friends: Set[UUID]) -> bool:
    """The parties always; friends of either party unless it is private; any signed-in person if it is public."""
    return (
        viewer in story.parties
        or story.audience is Audience.PUBLIC
        or (story.audience is Audience.FRIENDS and not friends.isdisjoint(story.parties))
    )


def belongs_in(scope: Scope, viewer: UUID, story: Story, friends: Set[UUID]) -> bool:
    """Whether a story stands in this feed of this viewer. The friends feed holds one's own stories too."""
    if scope is Scope.MINE:
        return viewer in story.parties
    if scope is Scope.PUBLIC:
        return story.audience is Audience.PUBLIC
    close = viewer in story.parties or not friends.isdisjoint(story.parties)
    return close and may_see(viewer, story, friends)
