"""An account's day as a sealed parcel: what was decided and why, what came of it, and a script that checks the seal."""
