"""Visibility, against the product's words written down a second time as a table."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.feed.rules import Scope, Story, Wish, belongs_in, is_pulled, may_act, may_see, narrowed
from venmo_api.users.rules import Audience, Relations, strictest

PEOPLE = [UUID(int=number) for number in range(1, 6)]
people = st.sampled_from(PEOPLE)
AT = datetime(2026, 1, 1, tzinfo=UTC)


def story(actor: UUID, target: UUID, audience: Audience) -> Story:
    return Story(UUID(int=99), actor, target, "paid", 1, "USD", "x", audience, 0, 0, AT)


@st.composite
def situations(draw: st.DrawFn) -> tuple[UUID, Story, Relations]:
    actor, target = draw(st.lists(people, min_size=2, max_size=2, unique=True))
    viewer = draw(people)
    friends = draw(st.frozensets(people)) - {viewer}
    hidden = draw(st.frozensets(people, max_size=2)) - friends - {viewer}
    return viewer, story(actor, target, draw(st.sampled_from(Audience))), Relations(friends, hidden)


# Rows: is the viewer a party; is a party hidden from them; is one their friend; audience.
# Value: may see, in friends, public, mine; may act.
YES, NO = True, False
TABLE = {
    (YES, NO, NO, "private"): (YES, YES, NO, YES, YES),
    (YES, NO, YES, "private"): (YES, YES, NO, YES, YES),
    (YES, NO, NO, "friends"): (YES, YES, NO, YES, YES),
    (YES, NO, YES, "friends"): (YES, YES, NO, YES, YES),
    (YES, NO, NO, "public"): (YES, YES, YES, YES, YES),
    (YES, NO, YES, "public"): (YES, YES, YES, YES, YES),
    (YES, YES, NO, "private"): (YES, YES, NO, YES, NO),
    (YES, YES, NO, "friends"): (YES, YES, NO, YES, NO),
    (YES, YES, NO, "public"): (YES, YES, YES, YES, NO),
    (NO, NO, NO, "private"): (NO, NO, NO, NO, NO),
    (NO, NO, YES, "private"): (NO, NO, NO, NO, NO),
    (NO, NO, NO, "friends"): (NO, NO, NO, NO, NO),
    (NO, NO, YES, "friends"): (YES, YES, NO, NO, YES),
    (NO, NO, NO, "public"): (YES, NO, YES, NO, YES),
    (NO, NO, YES, "public"): (YES, YES, YES, NO, YES),
}


@given(situations())
def test_every_situation_is_answered_as_the_table_says(situation: tuple[UUID, Story, Relations]) -> None:
    viewer, told, relations = situation
    parties = set(told.parties)
    row = (viewer in parties, bool(parties & relations.hidden), bool(parties & relations.friends), str(told.audience))
    beside_hidden = not row[0] and row[1]
    sees, in_friends, in_public, in_mine, acts = (NO,) * 5 if beside_hidden else TABLE[row]
    assert may_see(viewer, told, relations) is sees
    assert belongs_in(Scope.FRIENDS, viewer, told, relations) is in_friends
    assert belongs_in(Scope.PUBLIC, viewer, told, relations) is in_public
    assert belongs_in(Scope.MINE, viewer, told, relations) is in_mine
    assert may_act(viewer, told, relations) is acts


@given(situations(), st.sampled_from(Scope))
def test_no_feed_holds_what_may_not_be_seen(situation: tuple[UUID, Story, Relations], scope: Scope) -> None:
    viewer, told, relations = situation
    assert may_see(viewer, told, relations) or not belongs_in(scope, viewer, told, relations)


moments = st.none() | st.integers(0, 4).map(lambda days: AT + timedelta(days=days - 2))


@given(st.sampled_from(Audience), st.lists(st.builds(Wish, moments, moments), max_size=2))
def test_a_wish_for_the_past_narrows_what_was_before_it_and_never_widens(
    audience: Audience, wishes: list[Wish]
) -> None:
    told = story(PEOPLE[0], PEOPLE[1], audience)
    became = narrowed(told, wishes).audience
    private = any(wish.private_until is not None and wish.private_until >= AT for wish in wishes)
    friends = any(wish.friends_until is not None and wish.friends_until >= AT for wish in wishes)
    if private or audience is Audience.PRIVATE:
        assert became is Audience.PRIVATE
    else:
        assert became is (Audience.FRIENDS if friends else audience)


def test_who_has_about_as_many_friends_as_are_pushed_to_changes_sides_seldom() -> None:
    counts = [*range(90, 111), *range(110, 85, -1), *range(85, 101)]
    was, changes = False, []
    for count in counts:
        now = is_pulled(count, most=100, was=was)
        if now is not was:
            changes.append(count)
        was = now
    assert changes == [101, 90]


@pytest.mark.parametrize(
    ("wishes", "holds"),
    [
        (("public", "public"), "public"),
        (("public", "friends"), "friends"),
        (("friends", "public"), "friends"),
        (("private", "public"), "private"),
        (("friends", "private"), "private"),
        (("public", "friends", "private"), "private"),
    ],
)
def test_the_stricter_audience_wins(wishes: tuple[str, ...], holds: str) -> None:
    assert strictest(*map(Audience, wishes)) == holds
