"""Measures Whence against bare baselines of the same run: shows figures, asserts nothing."""
