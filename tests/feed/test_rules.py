"""Visibility, against the product's words written down a second time as a table."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.feed.rules import Scope, Story, belongs_in, may_see
from venmo_api.users.rules import Audience, strictest

PEOPLE = [UUID(int=number) for number in range(1, 6)]
people = st.sampled_from(PEOPLE)


def story(actor: UUID, target: UUID, audience: Audience) -> Story:
    return Story(UUID(int=99), actor, target, "paid", 1, "USD", "x", audience, 0, 0, datetime(2026, 1, 1, tzinfo=UTC))


@st.composite
def situations(draw: st.DrawFn) -> tuple[UUID, Story, frozenset[UUID]]:
    actor, target = draw(st.lists(people, min_size=2, max_size=2, unique=True))
    viewer = draw(people)
    friends = draw(st.frozensets(people)) - {viewer}
    return viewer, story(actor, target, draw(st.sampled_from(Audience))), friends


# Rows: is the viewer a party; is a party the viewer's friend; audience. Value: may see, in friends, public, mine.
TABLE = {
    (True, False, "private"): (True, True, False, True),
    (True, True, "private"): (True, True, False, True),
    (True, False, "friends"): (True, True, False, True),
    (True, True, "friends"): (True, True, False, True),
    (True, False, "public"): (True, True, True, True),
    (True, True, "public"): (True, True, True, True),
    (False, False, "private"): (False, False, False, False),
    (False, True, "private"): (False, False, False, False),
    (False, False, "friends"): (False, False, False, False),
    (False, True, "friends"): (True, True, False, False),
    (False, False, "public"): (True, False, True, False),
    (False, True, "public"): (True, True, True, False),
}


@given(situations())
def test_every_situation_is_answered_as_the_table_says(situation: tuple[UUID, Story, frozenset[UUID]]) -> None:
    viewer, told, friends = situation
    row = (viewer in (told.actor_id, told.target_id), bool({told.actor_id, told.target_id} & friends), told.audience)
    sees, in_friends, in_public, in_mine = TABLE[row[0], row[1], str(row[2])]
    assert may_see(viewer, told, friends) is sees
    assert belongs_in(Scope.FRIENDS, viewer, told, friends) is in_friends
    assert belongs_in(Scope.PUBLIC, viewer, told, friends) is in_public
    assert belongs_in(Scope.MINE, viewer, told, friends) is in_mine


@given(situations(), st.sampled_from(Scope))
def test_no_feed_holds_what_may_not_be_seen(situation: tuple[UUID, Story, frozenset[UUID]], scope: Scope) -> None:
    viewer, told, friends = situation
    assert may_see(viewer, told, friends) or not belongs_in(scope, viewer, told, friends)


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
