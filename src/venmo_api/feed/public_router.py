"""GET /v1/public/stories, which a shared cache may keep, and what that cache asks first: GET /v1/auth/check."""

from typing import Final
from uuid import UUID

from fastapi import Request, Response

from venmo_api.adapters.postgres import Transaction
from venmo_api.auth.actor import SignedIn
from venmo_api.feed import service
from venmo_api.feed.parameters import take_deep
from venmo_api.feed.rules import Scope
from venmo_api.feed.schemas import StoryPage, page_document
from venmo_api.http import routes
from venmo_api.http.dependencies import App
from venmo_api.http.parameters import Paging
from venmo_api.http.validators import ONES_OWN, conditional
from venmo_api.users import service as users

router = routes.router("/v1", tag="feed")
NOBODY: Final = UUID(int=0)
"""Is party to nothing, has no friends, and nobody is hidden from them: sees what all the others see."""
SHARED: Final = "public, max-age=0, s-maxage=3, stale-while-revalidate=2"
"""Five seconds, one for caches that count whole ones, two for an answer that is slow to come, and two until a narrowed
story is not read any more: ten."""
CHECKED: Final = "private, max-age=1"


@router.get("/public/stories", operation_id="readPublicStories", response_model=StoryPage)
async def public_stories(request: Request, app: App, actor: SignedIn, asked: Paging) -> Response:
    """Public payments, newest first, as people who have no part in them see them. Everybody from whom nobody is hidden
    gets the same page. Each page but the first counts as a look-up."""
    await take_deep(request, actor, asked)
    apart = await app.database.read(_sees_apart, actor.user_id)
    found = await service.read(app, actor.user_id if apart else NOBODY, Scope.PUBLIC, asked.page)
    body = page_document(found.stories, found.next_cursor)
    return conditional(request, body, cache_control=ONES_OWN if apart else SHARED)


@router.get("/auth/check", operation_id="checkToken", status_code=204, response_class=Response)
async def check_token(app: App, actor: SignedIn) -> Response:
    """Whether this access token still counts, for a shared cache in front. `Public-View` tells whether its owner gets
    the public stories that all get (`shared`), or without people who are hidden from them (`own`)."""
    apart = await app.database.read(_sees_apart, actor.user_id)
    return Response(status_code=204, headers={"Cache-Control": CHECKED, "Public-View": "own" if apart else "shared"})


async def _sees_apart(tx: Transaction, viewer: UUID) -> bool:
    """Whether anybody is hidden from this person."""
    return bool(await users.hidden_of(tx, [viewer]))
