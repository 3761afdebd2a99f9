"""Where a benchmark is true: a box or a globe, and the bases of fields there."""
