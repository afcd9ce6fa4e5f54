"""The command line: one command a module; parse, call, print."""
