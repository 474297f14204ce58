"""The one frozen bundle of adapters, built at a composition root and handed down."""

from dataclasses import dataclass, field

from venmo_api.adapters.bank import Bank
from venmo_api.adapters.identity import IdentityProvider
from venmo_api.adapters.keys import Keys
from venmo_api.adapters.messages import Messenger
from venmo_api.adapters.passkeys import Passkeys
from venmo_api.adapters.passwords import Passwords
from venmo_api.adapters.postgres import Database
from venmo_api.adapters.push import Push
from venmo_api.adapters.redis import Redis
from venmo_api.adapters.s3 import Objects
from venmo_api.adapters.signing import Signer
from venmo_api.adapters.turns import Turns
from venmo_api.core.clock import Clock, NewId
from venmo_api.core.figures import Figures
from venmo_api.core.scoring import NoModel, Scorer


@dataclass(frozen=True, slots=True)
class Adapters:
    """``clock`` is the time of all business, which local and test environments may drive ahead. ``wall_clock`` is the
    system's own: nobody is signed out because somebody looked at next week.
    """

    database: Database
    redis: Redis
    objects: Objects
    bank: Bank
    messenger: Messenger
    push: Push
    identity: IdentityProvider
    passkeys: Passkeys
    passwords: Passwords
    turns: Turns
    signer: Signer
    keys: Keys
    clock: Clock
    wall_clock: Clock
    new_id: NewId
    figures: Figures
    scorer: Scorer = field(default_factory=NoModel)

    async def close(self) -> None:
        await self.database.close()
        await self.redis.close()
