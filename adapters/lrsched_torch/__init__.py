"""Schedules of lrsched in PyTorch."""
