"""The arithmetic that formulas lower to: expressions of operations on integers, reals and booleans, called terms.

The passes, in order: *lower* (``lower``, by formulas on a ``clock`` or a ``progress``; ``exact_steps``, ``floor_lines``
and ``runtime_scale`` count scaled steps without rounding) makes terms, and while each ``term`` is built it is *folded*
(``folding``, ``columns``), *simplified* (``simplify``) and shared, its range known from ``intervals``. What follows is
the targets' business: they eliminate needless clamps and emit code, with ``walk`` to go through terms.

May import ``foundation`` alone. ``b`` is the builder, here and in every formula: what makes all the terms of one
function. A progress has the share done, ``u``, and the share left, ``z``, the letters of the formulas of shapes.

To add an operation: its dtypes in ``operations``, a method of the builder in ``term``, its value on constants in
``folding``, its range in ``intervals`` (unless anything is possible), and how each target writes it.
"""
