"""Find, read and validate catalog, scenario and data files, and look up entries by name."""
