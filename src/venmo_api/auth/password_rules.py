"""What may be a password (NIST SP 800-63B-4, section 3.1.1.2), and what is said of one that may not. Pure."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

from venmo_api.core.errors import AppError, InvalidField, Kind

PASSWORD_LEAST: Final = 8
PASSWORD_MOST: Final = 256
SERVICE: Final = "venmo"


class PasswordTooCommon(InvalidField):
    code = "password_too_common"
    title = "Many people have this password"

    def __init__(self, pointer: str) -> None:
        super().__init__(pointer, "This is among the passwords that are tried first; take a few words of your own.")


class PasswordNamesYou(InvalidField):
    code = "password_names_you"
    title = "This password can be guessed from your name"

    def __init__(self, pointer: str) -> None:
        detail = "A password must be more than a name of yours or of this service; take a few words of your own."
        super().__init__(pointer, detail)


class PasswordWrong(AppError):
    kind = Kind.FORBIDDEN
    code = "password_wrong"
    title = "That is not your password"

    def __init__(self) -> None:
        super().__init__("The current password is not right; if you forgot it: `POST /v1/auth/password-reset`.")


class ResetRefused(AppError):
    """The same whether the name is unknown, there is no code, or it is wrong, old or used up."""

    kind = Kind.FORBIDDEN
    code = "reset_refused"
    title = "The password was not reset"

    def __init__(self) -> None:
        super().__init__("The code does not count: it is wrong, older than ten minutes or used up; ask for a new one.")


def composed(password: str) -> str:
    """In the form in which passwords are hashed: however a keyboard composes a letter, it is the same letter. NFC, as
    it leaves what keyboards send, and so all older passwords, as they are."""
    return unicodedata.normalize("NFC", password)


def long_enough(password: str) -> str:
    """Raises ValueError for one with too few characters, each code point being one."""
    if len(password) < PASSWORD_LEAST:
        raise ValueError(f"String should have at least {PASSWORD_LEAST} characters")
    return password


def names_somebody(password: str, names: Iterable[str]) -> bool:
    """Whether a password is one of these names or the service's, in any case, with digits or marks about it or not."""
    told = {form for name in (*names, SERVICE) for form in _forms(name)}
    return bool(_forms(password) & told)


def _forms(name: str) -> set[str]:
    whole = name.casefold()
    local = whole.partition("@")[0]
    bare = {_between(text, kept) for text in (whole, local) for kept in (str.isalpha, str.isalnum)}
    return {whole, local, *bare} - {""}


def _between(text: str, kept: Callable[[str], bool]) -> str:
    """From the first character of a kind to the last."""
    places = [place for place, character in enumerate(text) if kept(character)]
    return text[places[0] : places[-1] + 1] if places else ""
