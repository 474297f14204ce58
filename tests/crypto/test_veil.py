"""Veiled ids: one for one, back again, and in no order."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from venmo_api.crypto.veil import Veil

VEIL = Veil(bytes(range(32)))
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def made_at(moment: datetime, tail: int = 0) -> UUID:
    """An id as the service makes them (RFC 9562, version 7): 48 bits of milliseconds first."""
    return UUID(int=int(moment.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | tail)


@given(st.uuids(), st.uuids())
def test_it_is_one_for_one_and_goes_back(one: UUID, other: UUID) -> None:
    assert VEIL.under(VEIL.over(one)) == one
    assert VEIL.over(VEIL.under(one)) == one
    assert (VEIL.over(one) == VEIL.over(other)) == (one == other)


def test_it_is_what_the_standard_says() -> None:
    """FIPS 197, appendix C.3: ids that were handed out must mean the same in every later version."""
    assert VEIL.over(UUID("00112233-4455-6677-8899-aabbccddeeff")).hex == "8ea2b7ca516745bfeafc49904b496089"


def test_no_order_is_kept() -> None:
    """Of 2,000 neighbours in time, half look younger than the one before; 110 is five standard deviations and more."""
    veiled = [VEIL.over(made_at(BEGIN + timedelta(milliseconds=at))) for at in range(2000)]
    climbs = sum(later > earlier for earlier, later in pairwise(veiled))
    assert abs(climbs - 1000) < 110


def test_nothing_of_the_moment_is_left() -> None:
    """Of ids of one millisecond no 16 bits stay the same, as the first 48 of each do without a veil."""
    hidden = [VEIL.over(made_at(BEGIN, tail)).bytes for tail in range(64)]
    for at in range(0, 16, 2):
        assert len({one[at : at + 2] for one in hidden}) > 32


def test_another_key_is_another_veil() -> None:
    assert Veil(bytes(32)).over(VEIL.under(UUID(int=1))) != UUID(int=1)
