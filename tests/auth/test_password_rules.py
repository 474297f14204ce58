"""What may be a password: long enough, in one form, not a name. Pure."""

import pytest

from venmo_api.auth.password_rules import composed, long_enough, names_somebody


@pytest.mark.parametrize(
    ("password", "names"),
    [
        ("alice_ant", ["alice_ant"]),
        ("ALICE_ANT", ["alice_ant"]),
        ("alice_ant1984", ["alice_ant"]),
        ("!!alice_ant!!", ["alice_ant"]),
        ("alice.ant@example.com", ["alice.ant@example.com"]),
        ("alice.ant99", ["alice.ant@example.com"]),
        ("+14155550123", ["+14155550123"]),
        ("14155550123!", ["+14155550123"]),
        ("Alice Ant", ["Alice Ant"]),
        ("venmo2026", []),
        ("Venmo!!!", []),
        ("ÄLICE_ÄNT", ["älice_änt"]),
    ],
)
def test_a_name_with_digits_or_marks_about_it_is_no_password(password: str, names: list[str]) -> None:
    assert names_somebody(password, names)


@pytest.mark.parametrize(
    ("password", "names"),
    [
        ("correct horse battery", ["correct"]),
        ("alice likes ants", ["alice"]),
        ("venmo is not it", []),
        ("12345678", ["p_12"]),
        ("********", ["---", ""]),
    ],
)
def test_more_than_a_name_may_be_a_password(password: str, names: list[str]) -> None:
    assert not names_somebody(password, names)


def test_a_letter_is_the_same_however_it_is_composed() -> None:
    assert composed("ma\u0308rchen") == composed("m\u00e4rchen") == "m\u00e4rchen"
    assert composed("\ufb01sh \u2460") == "\ufb01sh \u2460"


def test_length_is_counted_in_characters() -> None:
    assert long_enough("\U0001f434" * 8)
    with pytest.raises(ValueError, match="8 characters"):
        long_enough("\U0001f434" * 7)
