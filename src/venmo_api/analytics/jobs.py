"""What the worker does for cases."""

from venmo_api.adapters.bundle import Adapters
from venmo_api.analytics import case_files, queries


async def file_cases(app: Adapters) -> int:
    """Write the files of cases that were reported; how many."""
    waiting = await app.database.read(queries.unfiled)
    for case_id in waiting:
        await case_files.write(app, case_id)
    return len(waiting)
