"""The specifications of the catalogue's strategies: names, parameters, ranges, and what was mended. Standard library only."""
