"""The command line: one module per command, which parses, calls and prints.

A command is short and frees little memory, but garbage collection takes a tenth of its time. The
threshold is raised here, before the imports.
"""

import gc

gc.set_threshold(1_000_000)
