"""This library beside its peers and beside hand-written code: ``python -m benchmarks``.

``rows/`` declares what is compared, ``row.py`` and ``kinds.py`` say what a row is and how each kind of row is timed,
``measure.py`` does the timing, ``exact.py`` says how wrong each result is, ``report.py`` and ``screen.py`` write.
"""
