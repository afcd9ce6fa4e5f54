"""Our error against what was measured and published."""
