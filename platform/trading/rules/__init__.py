"""Strategies as documents. `document` is standard library only; the typed tree and the signals live beside it."""
