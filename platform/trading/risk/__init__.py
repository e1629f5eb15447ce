"""The risk of a trade: sizing, limits, trading days, levels, and the judge. The standard library and Decimal only."""
