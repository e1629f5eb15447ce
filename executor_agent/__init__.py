"""The executor agent: runs beside one terminal, trades what the server wants, survives anything. See `executor_agent.agent`."""

AGENT_VERSION = "0.1.0"
