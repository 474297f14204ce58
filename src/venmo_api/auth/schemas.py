"""Bodies of sign-in."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from venmo_api.auth.password_rules import PASSWORD_LEAST, PASSWORD_MOST, composed, long_enough
from venmo_api.auth.sessions import LISTED_MOST, Session
from venmo_api.auth.tokens import TokenPair
from venmo_api.core import ids
from venmo_api.core.clock import rfc3339
from venmo_api.http import fields
from venmo_api.http.bodies import Body, Plain

NAME_MOST = 60
PASSWORD_FIELD = Field(examples=["correct horse battery"], json_schema_extra={"format": "password"})
Password = Annotated[str, StringConstraints(max_length=PASSWORD_MOST), AfterValidator(composed), PASSWORD_FIELD]
NewPassword = Annotated[
    str,
    StringConstraints(min_length=PASSWORD_LEAST, max_length=PASSWORD_MOST),
    AfterValidator(composed),
    AfterValidator(long_enough),
    PASSWORD_FIELD,
]
Identifier = Annotated[
    str, StringConstraints(min_length=3, max_length=254), fields.plain(254), Plain, Field(examples=["alice"])
]


class SignInBody(Body):
    """``identifier`` is a username, an email address or a phone number in international form (``+1...``)."""

    identifier: Identifier
    password: Password
    device_token: Annotated[
        Annotated[str, StringConstraints(min_length=10, max_length=100), fields.plain(100), Plain] | None,
        Field(description="what this device was given when it was new: by it you are known again"),
    ] = None


class RefreshBody(Body):
    refresh_token: Annotated[str, StringConstraints(min_length=10, max_length=100), fields.opaque(100)]


class ResetBody(Body):
    """``identifier`` as at sign-in."""

    identifier: Identifier


class ResetConfirmBody(Body):
    """``code`` is the one that was sent last."""

    identifier: Identifier
    code: Annotated[str, StringConstraints(max_length=6, pattern=r"^[0-9]{6}$"), Field(examples=["123456"])]
    new_password: NewPassword


class UndoBody(Body):
    """``token`` is from the message that told of the change."""

    token: Annotated[
        str,
        StringConstraints(min_length=10, max_length=100),
        fields.plain(100),
        Plain,
        Field(examples=["undo_AZqdF3k1rWbTq0cXyLhE2w"]),
    ]


class ResetAsked(BaseModel):
    """The same whether the account exists or not. A code counts for so many seconds."""

    expires_in: fields.Count


class Tokens(BaseModel):
    access_token: fields.Opaque
    token_type: Literal["Bearer"]
    expires_in: fields.Count
    refresh_token: fields.Opaque
    device_token: Annotated[
        fields.Opaque | None, Field(description="only for a new device: keep it, and send it whenever you sign in")
    ] = None


DeviceName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=NAME_MOST),
    fields.plain(NAME_MOST),
    Plain,
    Field(examples=["My telephone"]),
]


class NameBody(Body):
    name: DeviceName


class SessionOut(BaseModel):
    """``name`` is that of the device; ``trusted``: it was there at sign-up, or a second factor vouched for it.
    ``network`` is the part of the address that tells whence, not who; ``current``: it is the one you ask with."""

    id: Annotated[str, fields.public_id(ids.SESSION)]
    name: Annotated[str, fields.text(NAME_MOST)]
    agent: Annotated[str, fields.text(60)]
    network: Annotated[str, fields.text(60)]
    trusted: bool
    current: bool
    created_at: fields.Moment
    authenticated_at: fields.Moment
    used_at: fields.Moment


class SessionList(BaseModel):
    data: Annotated[list[SessionOut], Field(max_length=LISTED_MOST)]


class Jwk(BaseModel):
    """A public key as in RFC 7517; ``kid`` is its thumbprint as in RFC 7638."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: fields.Opaque
    y: fields.Opaque
    kid: fields.Opaque
    alg: Literal["ES256"]
    use: Literal["sig"]


class Jwks(BaseModel):
    keys: Annotated[list[Jwk], Field(max_length=2)]


def token_document(pair: TokenPair) -> dict[str, str | int]:
    document: dict[str, str | int] = {
        "access_token": pair.access_token,
        "token_type": pair.token_type,
        "expires_in": pair.expires_in,
        "refresh_token": pair.refresh_token,
    }
    return document | ({"device_token": pair.device_token} if pair.device_token else {})


def session_document(session: Session, *, current: UUID) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.SESSION, session.id),
        "name": session.name,
        "agent": session.agent,
        "network": session.network,
        "trusted": session.trusted,
        "current": session.id == current,
        "created_at": rfc3339(session.created_at),
        "authenticated_at": rfc3339(session.authenticated_at),
        "used_at": rfc3339(session.used_at),
    }
