"""The long run of `go.py faults`: random kills while commands flow, held against the broker's own ledger."""
