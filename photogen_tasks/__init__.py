"""Orchestration: jobs, stages, claims, queues. Light by law: torch and numpy never enter."""
