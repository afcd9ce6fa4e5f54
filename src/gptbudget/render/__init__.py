"""One module per output format: terminal, JSON, CSV, Markdown, HTML."""
