"""Pictures of schedules: with matplotlib, as SVG for notebooks and documents, as characters in a terminal.

A picture asks ``inspection`` how long the run is, where its segments are and what to write beside them, reads the
values (of a long run, the smallest and the largest in each column: ``terminal.envelope``) and draws them. So these
files import ``inspection`` and what is below it; nothing but the doors of ``Schedule`` (``plot`` and the notebook's
picture) and the command line imports them, and matplotlib is imported when something is drawn with it.
A new picture is a file with one function of a schedule and a run, and a door or a command that leads to it.
"""
