"""Synthetic people: who, how, and the drawing of them. The doors are `Person`, `Shot`, `draw` and `caption`.

Drawn people teach and test the pocket base model; no photograph and no real person is behind them.
"""
