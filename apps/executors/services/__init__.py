"""What is done to executors: entering them, their keys, their lease on an account, their presence, one-shot commands."""
