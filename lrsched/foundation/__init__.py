"""What everything rests on: errors, names of arguments, frozen records, plain and JAX numbers.

``errors`` has the exceptions and the checks of single arguments, each with the one form that messages have;
``argument_names`` lets an error speak of the function that was called; ``records`` are frozen values that cost
little to declare; ``numbers`` tells numbers from arrays without importing JAX; ``after_import`` waits for a package
that somebody else imports.

It imports nothing of this package. What belongs here is needed by several layers and knows no expression, no term
and no schedule.
"""
