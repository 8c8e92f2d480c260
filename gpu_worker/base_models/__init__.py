"""Base models, the networks that DreamBooth fine-tunes: one file per family behind `family.load_base_model`.

Nothing here knows a job, a queue or a key.
"""
