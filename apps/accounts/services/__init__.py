"""What is done to accounts: opening them, changing their settings, remembering what their observers saw."""

from apps.accounts.services.opening import open_account
from apps.accounts.services.settings import change_account
from apps.accounts.services.snapshots import Kept, lock_snapshot, store_snapshot

__all__ = ["Kept", "change_account", "lock_snapshot", "open_account", "store_snapshot"]
