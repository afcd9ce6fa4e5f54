"""The HTML page as plain data: figures, tables and sources."""
