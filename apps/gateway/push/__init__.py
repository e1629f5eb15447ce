"""Pusher's protocol, version 7, served by ourselves (`PUSHER_SERVE`): so that a push needs nobody's account."""
