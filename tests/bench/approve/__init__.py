"""The parts of `go.py bench approve`: who asks, what flows beside it, and what it is held against."""
