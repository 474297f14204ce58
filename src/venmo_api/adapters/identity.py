"""Identity providers: what the service needs of one, and the sandbox provider that stands in for it on a laptop."""

from typing import ClassVar, Protocol


class UnknownIdentityToken(Exception):
    """The provider never gave this token."""


class IdentityProvider(Protocol):
    """Documents and faces go from the person's phone to the provider; the service sees a token only."""

    async def verify(self, token: str) -> bool:
        """Whether the provider is sure who stands behind the token. Raises UnknownIdentityToken."""
        ...


class NoIdentityProvider:
    """Knows no token: what production has until a real provider is written against ``IdentityProvider``."""

    async def verify(self, token: str) -> bool:
        raise UnknownIdentityToken


class SandboxIdentity:
    """The local twin. ``sandbox_identity_ok`` is sure of everybody; ``sandbox_identity_failed`` of nobody."""

    _TOKENS: ClassVar = {"sandbox_identity_ok": True, "sandbox_identity_failed": False}

    async def verify(self, token: str) -> bool:
        try:
            return self._TOKENS[token]
        except KeyError:
            raise UnknownIdentityToken from None
