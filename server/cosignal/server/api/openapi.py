"""Describe the node's routes as OpenAPI 3.1, from the structs that serve them.

Source: https://spec.openapis.org/oas/v3.1.0
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from cosignal.server.api.access import API_KEY_HEADER
from cosignal.server.api.problems import Problem
from cosignal.server.api.routing import JSON, PROBLEM, Reply, Route

_REFERENCE = "#/components/schemas/{name}"
_VARIABLE = re.compile(r"\{(\w+)(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")
_SECURITY = "apiKey"

Json = dict[str, Any]


def describe(routes: Sequence[Route], url: str) -> Json:
    """Write the description.

    Args:
        routes: All routes of the node.
        url: The node's base URL.

    Returns:
        An OpenAPI 3.1 document.
    """
    models = _models(routes)
    references, components = msgspec.json.schema_components(
        models, ref_template=_REFERENCE
    )
    schemas = dict(zip(models, references, strict=True))
    paths: dict[str, Json] = {}
    for route in routes:
        path = _VARIABLE.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cosignal node",
            "version": version("cosignal"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                _SECURITY: {"type": "apiKey", "in": "header", "name": API_KEY_HEADER}
            },
        },
    }


def _models(routes: Sequence[Route]) -> list[type[msgspec.Struct]]:
    models: dict[type[msgspec.Struct], None] = {Problem: None}
    for route in routes:
        if route.request is not None:
            models[route.request] = None
        for reply in route.replies.values():
            if reply.model is not None:
                models[reply.model] = None
    return list(models)


def _operation(route: Route, schemas: dict[type[msgspec.Struct], Json]) -> Json:
    operation: Json = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _VARIABLE.findall(route.path)
        ],
        "responses": {
            str(status): _response(reply, schemas)
            for status, reply in sorted(route.replies.items())
        },
    }
    if not route.google:
        operation["responses"]["default"] = _response(
            Reply("any other error", Problem, PROBLEM), schemas
        )
    if route.request is not None or route.request_media is not None:
        media = route.request_media or JSON
        operation["requestBody"] = {
            "required": True,
            "content": {media: _content(route.request, schemas)},
        }
    if route.audience is not None:
        operation["security"] = [{_SECURITY: []}]
    return operation


def _operation_id(route: Route) -> str:
    words = re.findall(r"\w+", _VARIABLE.sub(r"\1", route.path))
    return "_".join([route.method.lower(), *words])


def _response(reply: Reply, schemas: dict[type[msgspec.Struct], Json]) -> Json:
    response: Json = {"description": reply.summary or HTTPStatus.OK.phrase}
    if reply.media is not None:
        response["content"] = {reply.media: _content(reply.model, schemas)}
    return response


def _content(
    model: type[msgspec.Struct] | None, schemas: dict[type[msgspec.Struct], Json]
) -> Json:
    return {"schema": schemas[model]} if model is not None else {}
