"""The OpenAPI document and the page that shows it, its scripts served by us, under a policy that runs no others."""

import hashlib
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

from venmo_api.http.validators import conditional

OPENAPI_URL = "/openapi.json"
_SCRIPTS = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def mount(app: FastAPI) -> None:
    """``/docs``, the document it shows, and the way there from ``/``."""
    app.mount("/docs/static", StaticFiles(directory=str(files("fastapi_offline") / "static")))
    page = bytes(
        get_swagger_ui_html(
            openapi_url=OPENAPI_URL,
            title=app.title,
            swagger_js_url="/docs/static/swagger-ui-bundle.js",
            swagger_css_url="/docs/static/swagger-ui.css",
            swagger_favicon_url="/docs/static/favicon.png",
        ).body
    )
    headers = {"Content-Security-Policy": _policy(page)}

    @app.get("/", include_in_schema=False)
    async def home() -> Response:
        return RedirectResponse("/docs")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page, headers=headers)

    @app.get(OPENAPI_URL, include_in_schema=False)
    async def document(request: Request) -> Response:
        return conditional(request, rendered(), cache_control="public, no-cache", vary=None)

    @cache
    def rendered() -> bytes:
        return orjson.dumps(app.openapi())


def _policy(page: bytes) -> str:
    """Of the scripts in the page only those it was made with run: each is named by its hash."""
    hashes = (f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" for script in _SCRIPTS.findall(page))
    return (
        f"default-src 'none'; script-src 'self' {' '.join(hashes)}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
