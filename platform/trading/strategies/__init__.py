"""The catalogue of ready strategies, the base of everybody's own, and the registry that builds either."""
