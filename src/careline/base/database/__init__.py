"""A database that has gone silent is told apart from one that is slow. See `watch.py`."""
