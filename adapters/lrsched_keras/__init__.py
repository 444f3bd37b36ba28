"""Schedules of lrsched in Keras."""
