"""What is told of two looks at a list, and what the id of an event says; checked against whole histories of lists."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.live import rules
from venmo_api.live.rules import LOST, WATCHED, Item, Known, Newest, Part, Place

STREAM = UUID(int=7)


def item(number: int, *, document: bytes = b"{}") -> Item:
    return Item(f"sty_{number:032x}", document)


def newest(numbers: list[int]) -> Newest:
    """Of a list that is all of these, newest first."""
    return Newest([item(number) for number in numbers[:WATCHED]], len(numbers) > WATCHED)


def ids(items: object) -> list[str]:
    return [one.id for one in items]  # type: ignore[attr-defined]


def test_what_is_new_is_told_oldest_first() -> None:
    found = rules.news(rules.known(newest([2, 1])), newest([4, 3, 2, 1]))
    assert ids(found.fresh) == ids([item(3), item(4)])
    assert (found.changed, found.removed, found.missed) == ([], [], False)


def test_what_comes_late_is_told_wherever_it_stands() -> None:
    assert ids(rules.news(rules.known(newest([9, 5])), newest([9, 7, 5, 1])).fresh) == ids([item(1), item(7)])


def test_a_change_is_told_and_so_is_what_is_gone() -> None:
    before = rules.known(newest([3, 2, 1]))
    found = rules.news(before, Newest([item(3, document=b"{1}"), item(1)], more=False))
    assert (ids(found.changed), ids(found.removed), found.fresh) == (ids([item(3)]), ids([item(2)]), [])
    assert found.changed[0].document == b"{1}"


def test_what_newer_ones_push_out_of_sight_is_not_gone() -> None:
    numbers = list(range(100, 100 - WATCHED, -1))
    found = rules.news(rules.known(newest([*numbers, 1])), newest([102, 101, *numbers, 1]))
    assert ids(found.fresh) == ids([item(101), item(102)])
    assert found.removed == []


def test_what_moves_up_in_place_of_what_is_gone_is_not_new() -> None:
    numbers = list(range(100, 50, -1))
    without = [number for number in numbers if number != 98]
    found = rules.news(rules.known(newest(numbers)), newest(without))
    assert (found.fresh, ids(found.removed), found.missed) == ([], ids([item(98)]), False)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (list(range(50, 0, -1)), list(range(80, 0, -1))),
        ([1], list(range(80, 0, -1))),
        ([], list(range(26, 0, -1))),
        (list(range(50, 0, -1)), [90, 2, 1]),
        (list(range(50, 0, -1)), []),
    ],
)
def test_who_may_lack_more_than_is_watched_is_told_to_read(before: list[int], now: list[int]) -> None:
    assert rules.news(rules.known(newest(before)), newest(now)).missed


def test_the_first_of_all_are_told() -> None:
    assert ids(rules.news(rules.known(newest([])), newest([2, 1])).fresh) == ids([item(1), item(2)])


@given(
    before=st.lists(st.integers(0, 60), unique=True), come=st.lists(st.integers(61, 99), unique=True), cut=st.integers()
)
def test_nothing_is_missed_wherever_a_stream_breaks_off(before: list[int], come: list[int], cut: int) -> None:
    """The id of an event is all that the next stream has."""
    old = sorted(before, reverse=True)
    now = newest(sorted([*before, *come], reverse=True))
    first = rules.known(newest(old))
    told = rules.news(first, now)
    if told.missed:
        assert len(come) >= WATCHED or not before
        return
    assert set(ids(told.fresh)) == set(ids(item(number) for number in come))
    heard = cut % (len(told.fresh) + 1)
    midway = rules.all_but(now, told.fresh[heard:], before=first) if heard else first
    place = rules.place_of(rules.event_id(Place(STREAM, {Part.FEED: midway, Part.INBOX: first})))
    assert place is not None
    after = rules.news(place.known[Part.FEED], now)
    assert not after.missed
    assert ids(told.fresh[:heard]) + ids(after.fresh) == ids(told.fresh)


def test_an_id_says_where_a_stream_is_and_no_time() -> None:
    known = {Part.FEED: rules.known(newest(list(range(40)))), Part.INBOX: rules.known(newest([1]))}
    text = rules.event_id(Place(STREAM, known))
    assert len(text) <= rules.LAST_EVENT_CHARS_MOST
    found = rules.place_of(text)
    assert found is not None
    assert found.stream_id == STREAM
    assert {part: (list(one.items), one.more) for part, one in found.known.items()} == {
        part: (list(one.items), one.more) for part, one in known.items()
    }
    for one in known[Part.FEED].items.values():
        assert one is not None
        assert bytes.fromhex(one.id[4:]) not in text.encode()


@given(st.text(max_size=400))
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert rules.place_of(text) is None


@given(st.binary(max_size=250))
def test_whatever_bytes_an_id_has_it_says_something_or_nothing(raw: bytes) -> None:
    text = rules.base64.urlsafe_b64encode(b"\x01" + raw).rstrip(b"=").decode()
    found = rules.place_of(text)
    assert found is None or set(found.known) == set(Part)


def test_who_has_what_nobody_knows_is_told_to_read() -> None:
    for known in LOST.values():
        assert rules.news(known, newest([])).missed
        assert rules.news(known, newest([1])).missed


def test_a_block_is_spelled_as_the_standard_says() -> None:
    spelled = rules.block(name="story", id="a", data=b"{}", retry_ms=5)
    assert spelled == b"retry: 5\nid: a\nevent: story\ndata: {}\n\n"
    assert rules.block(id="a") == b"id: a\n\n"


def test_an_overlap_by_position_alone_would_miss_what_comes_late() -> None:
    """Why the id holds marks and no position: the same look, by the newest that the client has."""
    before, now = newest([9, 5]), newest([9, 7, 5])
    position = before.items[0].id
    by_position = [one.id for one in now.items if one.id > position]
    assert by_position == []
    assert ids(rules.news(rules.known(before), now).fresh) == ids([item(7)])


def test_what_only_an_id_tells_of_is_not_told_to_have_changed_or_gone() -> None:
    before = Known(dict.fromkeys(rules.known(newest([3, 2])).items), more=False)
    found = rules.news(before, Newest([item(3, document=b"{1}")], more=False))
    assert (found.fresh, found.changed, found.removed) == ([], [], [])
