"""Events of stories: what people thought and said of them, and who may see them now."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class StoryLiked:
    """``first``: never before did this person like this story. A like given again is an event, and no news."""

    story_id: UUID
    user_id: UUID
    parties: tuple[UUID, UUID]
    first: bool
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class StoryReacted:
    """``first``: with no emoji did this person react to this story before."""

    story_id: UUID
    user_id: UUID
    parties: tuple[UUID, UUID]
    emoji: str
    first: bool
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class CommentAdded:
    """``mentions``: others than the author, each of whom may see the story."""

    comment_id: UUID
    story_id: UUID
    user_id: UUID
    parties: tuple[UUID, UUID]
    mentions: tuple[UUID, ...]
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class CommentDeleted:
    """``user_id`` is who deleted it: its author, a party of the story, or somebody of the staff."""

    comment_id: UUID
    story_id: UUID
    user_id: UUID
    author_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class StoryChanged:
    """What is shown of a story is no longer what it was: its audience, its likes, what was said about it."""

    story_id: UUID
    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class PastNarrowed:
    """Somebody wants all their stories up to ``at`` to be seen by fewer people."""

    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id


@dataclass(frozen=True, slots=True)
class ReachChanged:
    """Somebody has so many friends now that their stories are looked up by each of them, or no longer."""

    user_id: UUID
    at: datetime

    @property
    def subject_id(self) -> UUID:
        return self.user_id
