"""What features ask of the keys; ``crypto.keyring`` answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol
from uuid import UUID

from venmo_api.adapters.postgres import Contended
from venmo_api.core.errors import AppError, Kind, NotFound

Purpose = Literal["wrapping", "index", "standing"]
ROTATED: Final[tuple[Purpose, ...]] = ("wrapping", "index")


class KeyAway(Contended):
    """A key is not in memory, and the key service could not be asked for it yet: nothing is read, nothing is written
    in clear."""

    def __init__(self) -> None:
        super().__init__("This needs personal data that cannot be read right now; try again shortly.")


class KeyDestroyed(NotFound):
    """Nothing is sealed for somebody who was erased, also by who was let in just before."""

    code = "user_not_found"
    title = "No such person"

    def __init__(self) -> None:
        super().__init__("This person was erased.")


class KeyStands(AppError):
    """Ids that were handed out are under it, in links and in cursors: another one would make them all unknown."""

    kind = Kind.CONFLICT
    code = "key_stands"
    title = "This key is never replaced"

    def __init__(self) -> None:
        super().__init__(
            "The standing key is made once and never rotated: every public id of a story is made with it. "
            "Rotate the wrapping and index keys instead."
        )


class Sealer(Protocol):
    """One person's key. What is sealed opens in its own table, column, row and for its own person only."""

    def seal(self, table: str, column: str, row: object, text: str) -> bytes: ...

    def unseal(self, table: str, column: str, row: object, sealed: bytes) -> str:
        """Raises ``crypto.envelope.BadSeal`` for what was not sealed here."""
        ...


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A person's key as it is stored: which wrapping key it is wrapped by, and the bytes."""

    wrapped_by: int
    wrapped: bytes


class Keys(Protocol):
    """Wrapping keys and index keys, in memory. None of these but ``refresh`` and ``rotate`` asks anybody."""

    async def refresh(self) -> None:
        """Take in keys that were made since; make the first ones. Those in memory stay when the key service is away.
        Raises KmsAway, and KmsRefused with another master key than theirs."""
        ...

    async def rotate(self, purpose: Purpose) -> int:
        """Announce a new key, which counts once every process has had the time to take it in; its number. Raises
        KeyStands."""
        ...

    def announced(self) -> Mapping[tuple[Purpose, int], datetime]:
        """Each key that is known, and since when it counts."""
        ...

    def current(self, purpose: Purpose) -> int:
        """The number of the key that is used for what is written now. Raises KeyAway."""
        ...

    def index(self, kind: str, address: str) -> str:
        """What a contact is found by. Raises KeyAway."""
        ...

    def indexes(self, kind: str, address: str) -> list[str]:
        """The same under every key there is, the oldest first: rows may still be under the one before. Raises
        KeyAway."""
        ...

    def indexes_of_hash(self, kind: str, hashed: bytes) -> list[str]:
        """``indexes`` of the address that has this SHA-256, for those who do not tell it. Raises KeyAway."""
        ...

    def veil(self, value: UUID) -> UUID:
        """How an id looks outside: the same forever, and telling nothing of when it was made. Raises KeyAway."""
        ...

    def unveil(self, veiled: UUID) -> UUID:
        """The id that looks so; for one that was made up, an id that is nobody's. Raises KeyAway."""
        ...

    def new_person(self, user_id: UUID) -> WrappedKey:
        """A fresh key. Raises KeyAway."""
        ...

    def rewrapped(self, user_id: UUID, wrapped: WrappedKey) -> WrappedKey:
        """The same key under the current wrapping key. Raises KeyAway."""
        ...

    def person(self, user_id: UUID, wrapped: WrappedKey) -> Sealer:
        """Raises KeyAway."""
        ...
