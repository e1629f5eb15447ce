"""The cells of `bench_deliver` that are programs of their own."""
