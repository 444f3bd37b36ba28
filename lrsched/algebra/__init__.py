"""Expressions as frozen values of declared fields: bases, registry, text, JSON and pytree."""
