"""The market: sessions, seeded or replayed bars, aggregation, quotes. Pure arithmetic over the market clock."""
