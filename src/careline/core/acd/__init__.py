"""The automatic call distributor: one fair queue, pure and whole. `model.py` has its words, `router.py` its deeds."""
