"""The frames that the terminal module and the simulator exchange over a loopback socket.

One frame is eight bytes (length of the text, length of the binary part, both unsigned 32-bit big-endian), a JSON
text and a binary part that holds packed bars or ticks. Whatever is longer than the bound is refused, so a stray
client can not make either side allocate without end.
"""

import json
import socket
import struct
from typing import Any

HEAD = struct.Struct(">II")
MAX_TEXT_BYTES = 64 * 1024 * 1024
MAX_BLOB_BYTES = 512 * 1024 * 1024


class FrameError(ValueError):
    """A frame that breaks the rules above; the connection that sent it is closed."""


def pack(message: Any, blob: bytes = b"") -> bytes:
    """Return the frame that carries ``message`` and ``blob``."""
    text = json.dumps(message, separators=(",", ":")).encode()
    return HEAD.pack(len(text), len(blob)) + text + blob


def unpack_head(head: bytes, max_text: int = MAX_TEXT_BYTES, max_blob: int = MAX_BLOB_BYTES) -> tuple[int, int]:
    """
    Return the two lengths of a frame's head; a server bounds its questions closer than a client its answers.

    :raises FrameError: if either is out of bounds.
    """
    text_length, blob_length = HEAD.unpack(head)
    if text_length > max_text or blob_length > max_blob:
        raise FrameError(f"frame too long: {text_length} + {blob_length} bytes")
    return text_length, blob_length


def parse(text: bytes) -> Any:
    """
    Return the message in ``text``.

    :raises FrameError: if it is not JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise FrameError("frame is not JSON") from error


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """
    Read ``count`` bytes.

    :raises ConnectionError: if the other side closes first.
    """
    buffer = bytearray(count)
    view, got = memoryview(buffer), 0
    while got < count:
        read = connection.recv_into(view[got:])
        if read == 0:
            raise ConnectionResetError("closed by the other side")
        got += read
    return bytes(buffer)


def read_frame(connection: socket.socket) -> tuple[Any, bytes]:
    """
    Read one frame, waiting as long as the socket's own timeout allows.

    :raises ConnectionError: if the other side closes.
    :raises FrameError: if what arrives is no frame.
    """
    text_length, blob_length = unpack_head(read_exactly(connection, HEAD.size))
    message = parse(read_exactly(connection, text_length))
    return message, read_exactly(connection, blob_length) if blob_length else b""
