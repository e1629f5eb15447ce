"""What people fill in. Forms read and check shapes; the services decide."""
