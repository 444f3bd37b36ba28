"""What a schedule does, what may be wrong with it, and which schedule a log of rates shows.

``describe`` cuts a run into *segments*, reads the values and fills the record of ``description``. ``check`` finds the
*place* of each part on the clock of the run (``findings``), then asks every *rule* for its findings: ``value_rules``
about values, lengths and units, ``joint_rules`` about *joints*, where one piece hands over to the next, and decays.
``identify`` cuts a log into stretches, lets ``shape_fit`` fit a named shape to each, and folds those that repeat.

All of it reads schedules and none of it draws: it imports what schedules are made of and the readings of them, never
``display``. What is inside a schedule it learns from the methods of ``Schedule`` (``parts_in_time``, ``varying``,
``after_policy``, ``milestones``), so that a new kind is no stranger; a rule about one kind asks for that kind.
A new rule is a generator of findings in ``RULES``, with a classic mistake that it finds in
tests/inspection/test_checks.py.
"""
