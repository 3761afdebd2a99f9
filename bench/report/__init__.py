"""How files of measurements become the pages ``docs/results.md`` and ``docs/performance.md``."""
