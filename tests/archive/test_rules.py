"""The chain of manifests, as pure values."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venmo_api.archive import rules
from venmo_api.archive.rules import ArchiveMismatch, Counts, File, Link, Manifest

AT = datetime(2026, 11, 20, 19, 6, tzinfo=UTC)
sizes = st.integers(0, 2**40)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
files = st.builds(
    lambda digest, size, rows: File(rules.file_key("ledger", "2026-11-20", digest), digest, size, rows, "a", "b"),
    digests,
    sizes,
    sizes,
)
steps = st.lists(st.tuples(st.lists(files, max_size=3), st.builds(Counts, sizes, sizes, sizes, sizes)), max_size=6)


def chain(moves: list[tuple[list[File], Counts]]) -> list[Manifest]:
    last, made = Link(), []
    for added, counts in moves:
        made.append(rules.next_manifest(last, added, counts, at=AT))
        last = rules.link(made[-1])
    return made


@given(steps)
def test_a_chain_is_numbered_from_one_and_each_follows_the_one_before(moves: list[tuple[list[File], Counts]]) -> None:
    last = Link()
    for number, manifest in enumerate(chain(moves), start=1):
        assert manifest.sequence == number
        assert rules.follows(manifest, last)
        assert rules.parse(rules.canonical(manifest)) == manifest
        last = rules.link(manifest)


@given(steps.filter(lambda moves: len(moves) > 1), st.data())
def test_no_manifest_can_change_leave_or_swap_without_breaking_the_chain(
    moves: list[tuple[list[File], Counts]], data: st.DataObject
) -> None:
    manifests = chain(moves)
    at = data.draw(st.integers(0, len(manifests) - 2))
    changed = replace(manifests[at], moved_cents=manifests[at].moved_cents + 1)
    assert not rules.follows(manifests[at + 1], rules.link(changed))
    assert not rules.follows(manifests[at + 1], rules.link(manifests[at - 1]) if at else Link())


@given(st.builds(Counts, sizes, sizes, sizes, sizes), st.lists(files, max_size=3), st.data())
def test_a_changed_byte_is_another_manifest_or_none(counts: Counts, added: list[File], data: st.DataObject) -> None:
    body = rules.canonical(rules.next_manifest(Link(), added, counts, at=AT))
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes([body[at] ^ data.draw(st.integers(1, 255))]) + body[at + 1 :]
    with suppress(ArchiveMismatch):
        assert rules.canonical(rules.parse(changed)) == changed
    assert rules.sha256(changed) != rules.sha256(body)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b'{"files":[1]}', b'{"files":null}', b"\xff"])
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    with pytest.raises(ArchiveMismatch):
        rules.parse(body)


def test_a_manifest_of_another_format_is_refused() -> None:
    manifest = rules.next_manifest(Link(), [], Counts(), at=AT)
    with pytest.raises(ArchiveMismatch):
        rules.parse(rules.canonical(replace(manifest, format=3)))


def test_names_in_the_bucket() -> None:
    assert rules.manifest_key(1) == "manifest/00000001.json"
    assert rules.file_key("events", "2026-11-20", "ab") == "events/v1/dt=2026-11-20/ab.parquet"
