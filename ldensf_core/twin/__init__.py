"""Twin experiments: a truth, observations, filters that follow, and the record of it."""
