"""The broker: accounts, orders, positions, deals, margin, and the ledger that survives."""
