"""The client half: what a program sees of a MetaTrader 5 terminal, name by name."""
