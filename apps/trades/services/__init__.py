"""What is done to the ledger: deals booked once, trades derived from them, orders and reports recorded."""
