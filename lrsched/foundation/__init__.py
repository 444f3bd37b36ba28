"""What everything rests on: errors, names of arguments, frozen records, plain and JAX numbers."""
