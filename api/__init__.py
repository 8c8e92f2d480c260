"""Speaks HTTP for photogen_tasks."""
