"""People who are staff."""

from tests.conftest import Person, World
from venmo_api.admin import service
from venmo_api.admin.rules import Role


async def employ(world: World, *roles: Role, prefix: str = "staff") -> Person:
    """Somebody new with these roles."""
    someone = await world.person(prefix)
    for role in roles:
        await world.app.database.transact(service.grant, world.app, someone.username, role)
    return someone
