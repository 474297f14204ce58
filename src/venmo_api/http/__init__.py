"""Errors, bodies, middleware and the OpenAPI document: what every router stands on."""
