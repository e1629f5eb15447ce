"""The server: its doors over HTTP, nudges over WebSocket, and the lanes that keep the agent's loop from waiting for them."""
