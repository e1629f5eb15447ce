"""The simulator's process: connections, the market's loop, and the control door."""
