"""What the doors for machines do: they join apps that do not know each other."""
