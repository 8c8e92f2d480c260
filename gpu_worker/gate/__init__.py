"""The gate: which photos, and which sets of photos, are worth training on, and what to tell the customer.

No crop and no alpha is made here; the gate only judges.
"""
