"""Let in who holds an API key for a route's audience.

What this module guarantees:

* Keys are compared as SHA-256 digests, in constant time, against every key of the
  audience, whichever matches.
* The answer does not say whether the key is unknown or of another audience.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

from aiohttp import web

from cosignal.server.api.routing import Handler, Route
from cosignal.server.config import ApiKey
from cosignal.server.intake.refusals import RequestError

API_KEY_HEADER = "X-API-Key"


def guarded(route: Route, api_keys: Sequence[ApiKey]) -> Handler:
    """Put the check for an API key before a route's handler.

    Args:
        route: With or without an audience.
        api_keys: All that the node knows.

    Returns:
        The handler to serve.
    """
    if route.audience is None:
        return route.handler
    digests = [
        bytes.fromhex(key.sha256) for key in api_keys if key.audience == route.audience
    ]

    async def check(request: web.Request) -> web.StreamResponse:
        given = sha256(request.headers.get(API_KEY_HEADER, "").encode()).digest()
        if not sum(hmac.compare_digest(given, known) for known in digests):
            raise RequestError(
                401,
                "unauthorized",
                f"{API_KEY_HEADER}: expected a key for the {route.audience} API",
                advice="Send the key whose SHA-256 is in the node's [[api_keys]].",
            )
        return await route.handler(request)

    return check
