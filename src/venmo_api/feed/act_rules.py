"""What people may say and do about a story, and what is refused of it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import regex

from venmo_api.core.errors import AppError, Kind, NotFound
from venmo_api.feed.rules import Story
from venmo_api.users.rules import Card

MENTIONS_MOST = 10
"""People one comment may name; names beyond them are text."""
EMOJI_EACH = 10
EMOJI_OF_ALL = 50
"""Of one person, and of all together, on one story: its document is sent with every page it stands on."""
EMOJI_LONGEST = 16
"""Code points: the longest that keyboards have are of ten."""

_NAME = regex.compile(r"(?<![\w@.-])@([A-Za-z0-9_-]{3,30})(?![A-Za-z0-9_-])")
_STYLE = "\ufe0f"
# Unicode TS 51: what is drawn as text by itself takes a variation selector, unless a skin tone follows.
_TEXTUAL = regex.compile(r"(?V1)[\p{Emoji}--\p{Emoji_Presentation}](?!\p{Emoji_Modifier})")
_ELEMENT = (
    r"(?:\p{Emoji_Modifier_Base}\p{Emoji_Modifier}"
    r"|[\p{Emoji_Presentation}--\p{Regional_Indicator}--\p{Emoji_Modifier}]"
    rf"|[\p{{Emoji}}--\p{{Emoji_Presentation}}--[0-9\#*]]{_STYLE})"
)
_FLAGS = r"\p{Regional_Indicator}{2}|\U0001f3f4\U000e0067\U000e0062[\U000e0061-\U000e007a]{3}\U000e007f"
_EMOJI = regex.compile(rf"(?V1){_ELEMENT}(?:\u200d{_ELEMENT}){{0,3}}|{_FLAGS}|[0-9\#*]{_STYLE}\u20e3")


class NotAnEmoji(AppError):
    kind = Kind.INVALID
    code = "not_an_emoji"
    title = "That is not one emoji"

    def __init__(self) -> None:
        super().__init__("End the path with exactly one emoji, percent-encoded as UTF-8.")


class TooManyEmoji(AppError):
    kind = Kind.CONFLICT
    code = "too_many_emoji"
    title = "No room for another emoji"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class CommentNotFound(NotFound):
    code = "comment_not_found"
    title = "No such comment"

    def __init__(self) -> None:
        super().__init__("There is no comment with this id on a story that you may see.")


class NotYourComment(AppError):
    kind = Kind.FORBIDDEN
    code = "not_your_comment"
    title = "Somebody else wrote this"

    def __init__(self) -> None:
        super().__init__("A comment is deleted by who wrote it or by a party of the story; you can report it instead.")


class ReportNotFound(NotFound):
    code = "report_not_found"
    title = "No such report"

    def __init__(self) -> None:
        super().__init__("There is no report with this id.")


class ReportDecided(AppError):
    kind = Kind.CONFLICT
    code = "report_decided"
    title = "This was decided already"

    def __init__(self) -> None:
        super().__init__("Somebody has decided this report meanwhile; read the queue again.")


class ReportReason(StrEnum):
    SPAM = "spam"
    SCAM = "scam"
    ABUSE = "abuse"
    HATE = "hate"
    SEXUAL = "sexual"
    PRIVACY = "privacy"
    OTHER = "other"


class Reported(StrEnum):
    """What a report is about."""

    STORY = "story"
    COMMENT = "comment"


class Verdict(StrEnum):
    DISMISS = "dismiss"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody's name stands in a text: code points, the ``@`` included."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    card: Card
    place: Place


@dataclass(frozen=True, slots=True)
class Comment:
    """``words`` are empty once the author was erased."""

    id: UUID
    author: Card
    words: str
    mentions: tuple[Mention, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Reactions:
    """What somebody thinks of a story."""

    liked: bool
    emoji: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """``note`` is the story's. ``author`` wrote what was reported, ``words`` are the comment's: None once it is gone.
    ``said``: by the reporter."""

    id: UUID
    kind: Reported
    story_id: UUID
    comment_id: UUID | None
    note: str
    words: str | None
    author: Card | None
    reporter: Card
    reason: ReportReason
    said: str | None
    created_at: datetime


def one_emoji(text: str) -> str | None:
    """The one spelling of the emoji that ``text`` is; None when it is anything else."""
    if len(text) > EMOJI_LONGEST:
        return None
    spelled = _TEXTUAL.sub(rf"\g<0>{_STYLE}", text.replace(_STYLE, ""))
    return spelled if _EMOJI.fullmatch(spelled) else None


def names(text: str) -> list[tuple[str, Place]]:
    """Whom a text may mean by ``@name``, canonical, and where; of the first ``MENTIONS_MOST`` different names."""
    found = [(match[1].lower(), Place(match.start(), match.end())) for match in _NAME.finditer(text)]
    meant = list(dict.fromkeys(name for name, _ in found))[:MENTIONS_MOST]
    return [(name, place) for name, place in found if name in meant]


def may_delete(viewer: UUID, author: UUID, story: Story) -> bool:
    return viewer == author or viewer in story.parties
