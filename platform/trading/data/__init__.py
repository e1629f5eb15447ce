"""Bars from outside: read as they stand, examined, and made into `Bars` under a stated policy. Nothing is mended in silence."""
