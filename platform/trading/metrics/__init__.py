"""Statistics of trades and of equity curves: from arrays to numbers. Ratios that do not exist are None, never infinity."""
