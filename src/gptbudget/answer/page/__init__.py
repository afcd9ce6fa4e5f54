"""What a page shows: figures as plain data, the tables beside them, and sources."""
