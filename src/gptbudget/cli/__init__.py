"""The command line: one command a module; parse, call, print.

A command lives for a moment and keeps almost everything it allocates, so looking for garbage
every few hundred allocations is a tenth of its time. It is put off here, before the imports.
"""

import gc

gc.set_threshold(1_000_000)
