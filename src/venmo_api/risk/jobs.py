"""Scheduled work of risk."""

from venmo_api.adapters.bundle import Adapters
from venmo_api.risk import decisions, shadows


async def follow_shadows(app: Adapters) -> int:
    """Run each candidate of a policy over what was decided since it last was; how many decisions it saw."""
    total, until = 0, decisions.first_id(app.wall_clock.now() - shadows.SETTLES_AFTER)
    for shadow in await app.database.read(shadows.every):
        while done := await app.database.transact(shadows.follow, shadow.name, until=until):
            total += done
    return total
