"""Routes whose dependencies are called directly.

Each dependency of ours takes the request and nothing else. FastAPI's general solver, which must be ready for nested
and yielding ones, costs a quarter of a request for the same result; a route that needs it still gets it.
"""

from collections.abc import Awaitable, Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from venmo_api.core.errors import AppError, Kind
from venmo_api.http import quotas

Answers = dict[int | str, dict[str, Any]]
"""Errors a route adds to those that `openapi` tells of all: status to description."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Dependencies = list[tuple[str, Callable[[Request], Awaitable[Any]]]]
UNMETERED = "health"
"""The tag of what load balancers ask: without quota, and with whatever parameters they like."""


class UnknownParameter(AppError):
    kind = Kind.INVALID
    code = "unknown_parameter"
    title = "This route takes no query parameters"

    def __init__(self) -> None:
        super().__init__("Send no query parameters here; what you mean belongs into the path or the body.")


class Route(APIRoute):
    def __init__(self, path: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(path, *args, **kwargs)
        self._begins, _, parameters = path.partition("{")
        self._whole = not parameters

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Most routes are not the one that is asked for: those are passed over without their regular expression."""
        asked = scope["path"]
        if (asked != self._begins) if self._whole else not asked.startswith(self._begins):
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Handler:
        flat = _flat(self.dependant)
        if flat is None:
            return super().get_route_handler()
        endpoint: Any = self.dependant.call
        request_name = self.dependant.request_param_name
        metered = UNMETERED not in self.tags
        takes_no_query = metered and not any(hasattr(call, "query_model") for _, call in flat)
        identify = _identify(flat)
        quota = quotas.class_of(self.openapi_extra or {}, self.methods or set(), signed_in=identify is not None)

        async def handle(request: Request) -> Response:
            caller = await identify(request) if identify else None
            if caller:
                request.scope["actor_id"] = caller.user_id
            if metered:
                await quotas.take(request, quota, caller.user_id if caller else quotas.network_of(request))
            values: dict[str, Any] = {name: caller if call is identify else await call(request) for name, call in flat}
            if takes_no_query and request.scope["query_string"]:
                raise UnknownParameter
            if request_name:
                values[request_name] = request
            response: Response = await endpoint(**values)
            return response

        return handle


def router(prefix: str = "", *, tag: str) -> APIRouter:
    """A router of direct routes, below the whole prefix of their paths."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Route)


def _flat(dependant: Dependant) -> Dependencies | None:
    """Each dependency by parameter name, when all of them take just the request and return a value; or None."""
    if not iscoroutinefunction(dependant.call) or _has_own_parameters(dependant):
        return None
    flat: Dependencies = []
    for inner in dependant.dependencies:
        takes_request_only = inner.request_param_name == "request" and not _has_own_parameters(inner)
        if inner.name is None or inner.dependencies or not takes_request_only or not iscoroutinefunction(inner.call):
            return None
        flat.append((inner.name, inner.call))
    return flat


def _identify(flat: Dependencies) -> Callable[[Request], Awaitable[Any]] | None:
    """What tells who asks, for the quota is taken before anything else is done for them; None where anybody may ask.
    A dependency that asks for more than a token names what it begins with as its ``caller``."""
    return next((getattr(call, "caller", call) for _, call in flat if hasattr(call, "security")), None)


def _has_own_parameters(dependant: Dependant) -> bool:
    return bool(
        dependant.path_params
        or dependant.query_params
        or dependant.header_params
        or dependant.cookie_params
        or dependant.body_params
    )
