"""What is done to accounts: opening them, changing their settings, remembering what their observers saw."""

from apps.accounts.services.opening import open_account
from apps.accounts.services.packs import clone_pack, load_presets, publish_version
from apps.accounts.services.settings import change_account
from apps.accounts.services.snapshots import (
    Kept,
    Seen,
    keeps_book,
    lock_idle_snapshots,
    lock_snapshot,
    store_same_books,
    store_snapshot,
)

__all__ = [
    "Kept",
    "Seen",
    "change_account",
    "clone_pack",
    "keeps_book",
    "load_presets",
    "lock_idle_snapshots",
    "lock_snapshot",
    "open_account",
    "publish_version",
    "store_same_books",
    "store_snapshot",
]
