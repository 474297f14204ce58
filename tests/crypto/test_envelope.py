"""Seals: what opens them and what does not."""

import os
from dataclasses import replace

import pytest

from venmo_api.crypto import envelope
from venmo_api.crypto.envelope import BadSeal, Key, Place

KEY = envelope.key_of(bytes(range(32)))
PLACE = Place("identifiers", "sealed", "email", "alice")
NONCE = bytes(12)
SEALED = envelope.seal(KEY, PLACE, b"alice@example.com", nonce=NONCE)


def test_what_was_sealed_opens_in_its_place() -> None:
    assert envelope.unseal(KEY, PLACE, SEALED) == b"alice@example.com"
    assert b"alice" not in SEALED


def test_the_header_names_version_and_key_and_tells_nothing_of_it() -> None:
    assert SEALED[:5] == b"\x01" + KEY.id
    assert KEY.id not in KEY.secret
    assert repr(KEY.secret) not in repr(KEY)


@pytest.mark.parametrize("position", range(len(SEALED)))
def test_every_bit_counts(position: int) -> None:
    for bit in range(8):
        changed = bytearray(SEALED)
        changed[position] ^= 1 << bit
        with pytest.raises(BadSeal):
            envelope.unseal(KEY, PLACE, bytes(changed))


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_what_was_cut_does_not_open(length: int) -> None:
    with pytest.raises(BadSeal):
        envelope.unseal(KEY, PLACE, SEALED[:length])


@pytest.mark.parametrize("moved", [{"table": "x"}, {"column": "x"}, {"row": "phone"}, {"owner": "bob"}])
def test_what_was_moved_does_not_open(moved: dict[str, str]) -> None:
    with pytest.raises(BadSeal, match="moved"):
        envelope.unseal(KEY, replace(PLACE, **moved), SEALED)


def test_names_of_a_place_do_not_run_into_each_other() -> None:
    with pytest.raises(BadSeal):
        envelope.unseal(KEY, Place("identifierss", "ealed", "email", "alice"), SEALED)


def test_another_key_does_not_open_it_even_under_the_same_name() -> None:
    other = envelope.key_of(os.urandom(32))
    with pytest.raises(BadSeal, match="another version or key"):
        envelope.unseal(other, PLACE, SEALED)
    with pytest.raises(BadSeal, match="changed"):
        envelope.unseal(Key(other.secret, KEY.id), PLACE, SEALED)


def test_keys_have_256_bits() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        envelope.key_of(bytes(16))


def test_a_blind_index_is_equal_for_equal_addresses_of_a_kind_and_key_only() -> None:
    one = envelope.blind(bytes(32), 1, kind="email", hashed=envelope.hash_of("a@b.example"))
    assert one == envelope.blind(bytes(32), 1, kind="email", hashed=envelope.hash_of("a@b.example"))
    others = {
        envelope.blind(bytes(32), 1, kind="phone", hashed=envelope.hash_of("a@b.example")),
        envelope.blind(bytes(32), 1, kind="email", hashed=envelope.hash_of("b@b.example")),
        envelope.blind(bytes([1] * 32), 1, kind="email", hashed=envelope.hash_of("a@b.example")),
        envelope.blind(bytes(32), 2, kind="email", hashed=envelope.hash_of("a@b.example")),
    }
    assert len(others) == 4
    assert one not in others
    assert one.startswith("1.")
    assert "@" not in one
