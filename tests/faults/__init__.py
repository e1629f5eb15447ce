"""The fault rig: a real platform with agents behind lines that lie, the broker's own ledger as truth, and a seed (`go.py faults`)."""
