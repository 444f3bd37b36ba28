"""The arithmetic that formulas lower to: terms, folded constants, intervals, clocks and progress."""
