"""Plain C; see :func:`lrsched.compiler.source`."""
