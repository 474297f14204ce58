"""/v1/stories/{story_id}/like, /reactions, /comments and /report: for who may see the story, else 404."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from venmo_api.auth.actor import SignedIn
from venmo_api.core import ids
from venmo_api.core.paging import Page
from venmo_api.feed import acts_schemas as schemas
from venmo_api.feed import comments, reactions, reports
from venmo_api.feed.act_rules import CommentNotFound, NotAnEmoji, one_emoji
from venmo_api.feed.parameters import StoryId
from venmo_api.http import quotas, routes
from venmo_api.http.bodies import json_body
from venmo_api.http.dependencies import App, From, json_response, page_response
from venmo_api.http.parameters import Paging, path_id
from venmo_api.http.routes import Answers

router = routes.router("/v1/stories/{story_id}", tag="feed")
FULL: Answers = {409: {"description": "No room for another emoji, of yours or on the story"}}
NOT_YOURS: Answers = {403: {"description": "Neither the comment nor the story is yours"}}


async def _emoji(request: Request) -> str:
    found = one_emoji(request.path_params["emoji"])
    if found is None:
        raise NotAnEmoji
    return found


_emoji.path_parameter = ("emoji", schemas.EMOJI_FORM)  # type: ignore[attr-defined]
Emoji = Annotated[str, Depends(_emoji)]
CommentId = Annotated[UUID, path_id("comment_id", ids.COMMENT, CommentNotFound)]
ReportBody = Annotated[schemas.ReportBody, json_body(schemas.ReportBody)]


@router.put("/like", operation_id="likeStory", status_code=204, response_class=Response)
async def like(app: App, actor: SignedIn, story_id: StoryId) -> Response:
    """Like a story. To like it again changes nothing."""
    await app.database.transact(reactions.like, app, actor.user_id, story_id)
    return Response(status_code=204)


@router.delete("/like", operation_id="unlikeStory", status_code=204, response_class=Response)
async def unlike(app: App, actor: SignedIn, story_id: StoryId) -> Response:
    """Take a like back, if there is one."""
    await app.database.transact(reactions.unlike, app, actor.user_id, story_id)
    return Response(status_code=204)


@router.get("/reactions", operation_id="listReactions", response_model=schemas.ReactionsPage)
async def list_reactions(app: App, actor: SignedIn, story_id: StoryId, asked: Paging) -> Response:
    """Who likes a story and who reacted with what emoji, in the order in which people signed up."""
    found = await app.database.read(reactions.page, actor.user_id, story_id, asked.page)
    return page_response(Page([schemas.reactions_document(*row) for row in found.rows], found.next_cursor))


@router.put("/reactions/{emoji}", operation_id="react", responses=FULL, status_code=204, response_class=Response)
async def react(app: App, actor: SignedIn, story_id: StoryId, emoji: Emoji) -> Response:
    """React to a story with one emoji; up to ten different ones. The same again changes nothing."""
    await app.database.transact(reactions.react, app, actor.user_id, story_id, emoji)
    return Response(status_code=204)


@router.delete("/reactions/{emoji}", operation_id="unreact", status_code=204, response_class=Response)
async def unreact(app: App, actor: SignedIn, story_id: StoryId, emoji: Emoji) -> Response:
    """Take a reaction back, if there is one."""
    await app.database.transact(reactions.unreact, app, actor.user_id, story_id, emoji)
    return Response(status_code=204)


@router.get("/comments", operation_id="listComments", response_model=schemas.CommentPage)
async def list_comments(app: App, actor: SignedIn, story_id: StoryId, asked: Paging) -> Response:
    """What was said about a story, oldest first."""
    found = await app.database.read(comments.page, actor.user_id, story_id, asked.page)
    return page_response(Page([schemas.comment_document(comment) for comment in found.rows], found.next_cursor))


@router.post(
    "/comments",
    operation_id="addComment",
    status_code=201,
    response_model=schemas.CommentOut,
    openapi_extra=quotas.COMMENTS,
)
async def add_comment(
    app: App, actor: SignedIn, story_id: StoryId, body: Annotated[schemas.CommentBody, json_body(schemas.CommentBody)]
) -> Response:
    """Say something about a story. `@username` mentions a person; who may see the story is told. Any other name stays
    text."""
    added = await app.database.transact(comments.add, app, actor.user_id, story_id, body.text)
    return json_response(schemas.comment_document(added), status=201)


@router.delete(
    "/comments/{comment_id}",
    operation_id="deleteComment",
    responses=NOT_YOURS,
    status_code=204,
    response_class=Response,
)
async def delete_comment(app: App, actor: SignedIn, origin: From, story_id: StoryId, comment_id: CommentId) -> Response:
    """Delete a comment of yours, also when you may see the story no more; or anybody's, if you are a party of it."""
    await app.database.transact(comments.delete, app, actor.user_id, story_id, comment_id, origin=origin)
    return Response(status_code=204)


@router.post(
    "/report", operation_id="reportStory", status_code=204, response_class=Response, openapi_extra=quotas.REPORTS
)
async def report_story(app: App, actor: SignedIn, origin: From, story_id: StoryId, body: ReportBody) -> Response:
    """Tell staff what is wrong with a story. Once is enough: a second report changes nothing."""
    await app.database.transact(
        reports.report,
        app,
        actor.user_id,
        story_id,
        comment_id=None,
        reason=body.reason,
        words=body.text,
        origin=origin,
    )
    return Response(status_code=204)


@router.post(
    "/comments/{comment_id}/report",
    operation_id="reportComment",
    status_code=204,
    response_class=Response,
    openapi_extra=quotas.REPORTS,
)
async def report_comment(
    app: App, actor: SignedIn, origin: From, story_id: StoryId, comment_id: CommentId, body: ReportBody
) -> Response:
    """Tell staff what is wrong with a comment. Once is enough: a second report changes nothing."""
    await app.database.transact(
        reports.report,
        app,
        actor.user_id,
        story_id,
        comment_id=comment_id,
        reason=body.reason,
        words=body.text,
        origin=origin,
    )
    return Response(status_code=204)
