"""What is done with what agents tell of the market."""

from apps.market.services.feeds import prune_bars, store_all_quotes, store_bars, store_quotes
from apps.market.services.specifications import accept_specification, store_probes, store_specifications, to_numbers

__all__ = [
    "accept_specification",
    "prune_bars",
    "store_all_quotes",
    "store_bars",
    "store_probes",
    "store_quotes",
    "store_specifications",
    "to_numbers",
]
