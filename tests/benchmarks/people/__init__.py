"""How good are the drawn people, and what is measured on them?"""
