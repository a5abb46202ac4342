"""The automatic call distributor: one fair queue, pure and whole. See `model.py` for its words, `router.py` for its
deeds.
"""
