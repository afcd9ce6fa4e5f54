"""Where each number comes from: the formulas of an answer, as they were computed."""
