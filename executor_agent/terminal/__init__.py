"""The terminal: a port, the one adapter for MetaTrader 5 (and modules with its surface), and the process around it."""
