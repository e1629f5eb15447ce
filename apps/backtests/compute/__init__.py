"""The computations themselves. Only the compute worker imports this: the engine compiles here."""
