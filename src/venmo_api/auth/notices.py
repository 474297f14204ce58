"""What people are told when something by which they sign in has changed. Pure."""

from typing import Final

_NAMES: Final = {"email": "e-mail address", "phone": "phone number"}
_NOT_YOU: Final = "If that was not you, reset your password now and sign out everywhere."
CHANGED: Final = f"Your password was changed. {_NOT_YOU}"
RESET: Final = f"Your password was reset and you were signed out everywhere. {_NOT_YOU}"


def claimed(kind: str) -> str:
    return f"Another {_NAMES[kind]} was given for your account; it counts once its code has come back. {_NOT_YOU}"


def changed(kind: str, token: str) -> str:
    """For the address that no longer counts."""
    return (
        f"This {_NAMES[kind]} no longer belongs to your account. If that was not you, restore it within 72 hours by "
        f"this token: {token} - it also signs you out everywhere; then reset your password."
    )


def changed_elsewhere(kind: str) -> str:
    """For the person's other contacts."""
    return f"The {_NAMES[kind]} of your account was changed or removed. {_NOT_YOU}"


def lost(kind: str) -> str:
    return f"Somebody has shown that the {_NAMES[kind]} you gave is theirs; it no longer belongs to your account."
