"""Schedules of lrsched in Optax."""
