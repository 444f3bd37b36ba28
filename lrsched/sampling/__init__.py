"""From a formula to arrays of values: generated fillers of ranges, and what is read off them."""
