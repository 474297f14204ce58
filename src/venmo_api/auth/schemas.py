"""Bodies of sign-in."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from venmo_api.auth.tokens import TokenPair
from venmo_api.http.bodies import Body, Plain

Password = Annotated[str, Field(max_length=256, examples=["correct horse battery"])]


class SignInBody(Body):
    """``identifier`` is a username, an email address or a phone number in international form (``+1...``)."""

    identifier: Annotated[str, StringConstraints(min_length=3, max_length=254), Plain, Field(examples=["alice"])]
    password: Password


class RefreshBody(Body):
    refresh_token: Annotated[str, StringConstraints(min_length=10, max_length=100)]


class Tokens(BaseModel):
    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


def token_document(pair: TokenPair) -> dict[str, str | int]:
    return {
        "access_token": pair.access_token,
        "token_type": pair.token_type,
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh_token,
    }
