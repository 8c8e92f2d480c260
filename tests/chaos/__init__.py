"""Chaos: real processes under faults, and a checker that says what the faults broke."""
