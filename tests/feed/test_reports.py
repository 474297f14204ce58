"""Reports of stories and comments, and what staff make of them."""

import asyncio
import dataclasses
from typing import Any
from uuid import UUID

from tests.admin.steps import employ
from tests.conftest import GENEROUS, Person, World, world_over
from tests.feed.acts import Talk, refusal, talk, uuid_of
from venmo_api.admin.rules import Role
from venmo_api.core import ids
from venmo_api.settings import Settings


async def report(story: Talk, who: Person, *, comment: str | None = None, reason: str = "abuse", **more: Any) -> int:
    thing = story.story if comment is None else f"{story.story}/comments/{comment}"
    return (await who.post(f"{thing}/report", {"reason": reason, **more})).status_code


async def queue(staff: Person) -> list[dict[str, Any]]:
    """All that is open, page by page."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next_cursor": None, "has_more": True}
    while page["has_more"]:
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        answer = await staff.get("/admin/reports", limit=100, **cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["data"]
    return found


async def of(staff: Person, story: Talk) -> list[dict[str, Any]]:
    return [one for one in await queue(staff) if one["story_id"] == story.story.removeprefix("/stories/")]


async def decide(staff: Person, report_id: str, verdict: str) -> int:
    return (await staff.post(f"/admin/reports/{report_id}", {"verdict": verdict})).status_code


async def notes(story: Talk, act: str, person: Person) -> list[Any]:
    asked = "SELECT subject_id, details FROM audit_log WHERE act = :act AND actor_id = :actor ORDER BY id"
    return [tuple(row) for row in await story.rows(asked, act=act, actor=uuid_of(person.id))]


async def test_a_report_reaches_staff_with_what_it_is_about(world: World) -> None:
    story, staff = await talk(world), await employ(world, Role.SUPPORT)
    made = await story.say(story.bob, "mean words")
    assert await report(story, story.carol, text="he does this always") == 204
    assert await report(story, story.carol, comment=made["id"], reason="hate") == 204
    of_story, of_comment = await of(staff, story)
    assert (of_story["kind"], of_story["reason"], of_story["said"]) == ("story", "abuse", "he does this always")
    assert (of_story["note"], of_story["comment"], of_story["comment_id"]) == ("lunch", None, None)
    assert (of_story["author"]["id"], of_story["reporter"]["id"]) == (story.alice.id, story.carol.id)
    assert (of_comment["kind"], of_comment["comment"], of_comment["said"]) == ("comment", "mean words", None)
    assert (of_comment["comment_id"], of_comment["author"]["id"]) == (made["id"], story.bob.id)
    assert "amount" not in of_story
    noted = await notes(story, "report", story.carol)
    assert [subject for subject, _ in noted] == [uuid_of(story.alice.id), uuid_of(story.bob.id)]
    assert noted[0][1] == {"report": of_story["id"], "kind": "story", "reason": "abuse"}
    assert len(await notes(story, "read_reports", staff)) >= 1


async def test_the_second_report_of_a_thing_by_the_same_person_changes_nothing(world: World) -> None:
    story, staff = await talk(world), await employ(world, Role.SUPPORT)
    assert await asyncio.gather(*[report(story, story.carol, reason="spam") for _ in range(8)]) == [204] * 8
    assert await report(story, story.carol, reason="hate") == 204
    assert await report(story, story.bob) == 204
    assert [one["reason"] for one in await of(staff, story)] == ["spam", "abuse"]
    assert len(await notes(story, "report", story.carol)) == 1


async def test_a_report_says_why_in_a_word_of_ours(world: World) -> None:
    story = await talk(world)
    spam = {"reason": "spam"}
    for body in ({}, {"reason": "ugly"}, spam | {"text": ""}, spam | {"text": "x" * 281}, spam | {"more": "x"}):
        answer = await story.carol.post(f"{story.story}/report", body)
        assert refusal(answer) == (422, "validation_failed"), body


async def test_what_one_may_not_see_one_cannot_report(world: World) -> None:
    story = await talk(world)
    made = await story.say(story.carol, "x")
    assert refusal(await story.dave.post(f"{story.story}/report", {"reason": "spam"})) == (404, "story_not_found")
    answer = await story.dave.post(f"{story.story}/comments/{made['id']}/report", {"reason": "spam"})
    assert refusal(answer) == (404, "story_not_found")


async def test_reports_have_a_quota_and_comments_too(world: World, settings: Settings) -> None:
    few = dataclasses.replace(GENEROUS, quota_reports=2, quota_comments=3)
    async with world_over(settings.model_copy(update={"figures": few})) as tight:
        story = await talk(tight)
        answers = [await report(story, story.carol) for _ in range(3)]
        assert answers == [204, 204, 429]
        said = [await story.carol.post(f"{story.story}/comments", {"text": "x"}) for _ in range(4)]
        assert [answer.status_code for answer in said] == [201, 201, 201, 429]


async def test_a_comment_that_staff_remove_is_gone_and_so_are_all_reports_of_it(world: World) -> None:
    story, staff = await talk(world), await employ(world, Role.SUPPORT)
    made = await story.say(story.carol, "mean words")
    for who in (story.alice, story.bob):
        await report(story, who, comment=made["id"])
    first, second = await of(staff, story)
    assert await decide(staff, second["id"], "remove") == 204
    assert await of(staff, story) == []
    assert await story.said(story.alice) == []
    assert await story.counted() == (0, 0, 0, 0)
    answer = await staff.post(f"/admin/reports/{first['id']}", {"verdict": "dismiss"})
    assert refusal(answer) == (409, "report_decided")
    [deleted] = await story.events("CommentDeleted")
    assert (deleted.user_id, deleted.author_id) == (uuid_of(staff.id), uuid_of(story.carol.id))  # type: ignore[union-attr]
    [(subject, details)] = await notes(story, "decide_report", staff)
    assert subject == uuid_of(story.carol.id)
    assert details == {"report": second["id"], "kind": "comment", "verdict": "remove"}


async def test_a_story_that_staff_remove_is_left_to_its_parties(world: World) -> None:
    story, staff = await talk(world, audience="public"), await employ(world, Role.SUPPORT)
    for reader in (story.alice, story.carol, story.dave):
        assert (await reader.get("/feed", scope="public")).json()["data"][0]["id"] == story.story.removeprefix(
            "/stories/"
        )
    await report(story, story.dave)
    [found] = await of(staff, story)
    assert await decide(staff, found["id"], "remove") == 204
    assert (await story.shown(story.bob))["audience"] == "private"
    assert refusal(await story.dave.get(story.story)) == (404, "story_not_found")
    await world.drain()
    for reader in (story.carol, story.dave):
        for scope in ("public", "friends"):
            shown = (await reader.get("/feed", scope=scope)).json()["data"]
            assert story.story.removeprefix("/stories/") not in [one["id"] for one in shown]


async def test_what_is_dismissed_stays_and_may_be_reported_by_others(world: World) -> None:
    story, staff = await talk(world), await employ(world, Role.SUPPORT)
    made = await story.say(story.carol, "x")
    await report(story, story.alice, comment=made["id"])
    [found] = await of(staff, story)
    assert await decide(staff, found["id"], "dismiss") == 204
    assert await story.said(story.alice) == ["x"]
    await report(story, story.alice, comment=made["id"])
    assert await of(staff, story) == []
    await report(story, story.bob, comment=made["id"])
    assert len(await of(staff, story)) == 1


async def test_what_was_deleted_meanwhile_can_still_be_decided(world: World) -> None:
    story, staff = await talk(world), await employ(world, Role.SUPPORT)
    made = await story.say(story.carol, "x")
    await report(story, story.alice, comment=made["id"])
    await story.carol.delete(f"{story.story}/comments/{made['id']}")
    [found] = await of(staff, story)
    assert (found["comment"], found["author"]) == (None, None)
    assert await decide(staff, found["id"], "remove") == 204
    assert await story.counted() == (0, 0, 0, 0)


async def test_of_two_who_decide_at_once_one_is_told_that_it_is_done(world: World) -> None:
    story = await talk(world)
    staff = [await employ(world, Role.SUPPORT) for _ in range(2)]
    made = await story.say(story.carol, "x")
    for who in (story.alice, story.bob):
        await report(story, who, comment=made["id"])
    found = await of(staff[0], story)
    answers = await asyncio.gather(*[decide(who, one["id"], "remove") for who, one in zip(staff, found, strict=True)])
    assert sorted(answers) == [204, 409]
    assert await story.counted() == (0, 0, 0, 0)


async def test_the_queue_is_for_support_and_nobody_else(world: World) -> None:
    story = await talk(world)
    await report(story, story.carol)
    support = await employ(world, Role.SUPPORT)
    [found] = await of(support, story)
    for person in (story.alice, await employ(world, Role.ANALYST)):
        assert (await person.get("/admin/reports")).status_code == 404
        assert await decide(person, found["id"], "remove") == 404
    assert await decide(support, ids.encode(ids.REPORT, UUID(int=0)), "remove") == 404
    answer = await support.post(f"/admin/reports/{found['id']}", {"verdict": "burn"})
    assert refusal(answer) == (422, "validation_failed")
    assert await decide(await employ(world, Role.ADMIN), found["id"], "dismiss") == 204
