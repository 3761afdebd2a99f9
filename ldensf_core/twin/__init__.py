"""Twin experiments: truth, observations, the filters that follow them, and the results."""
