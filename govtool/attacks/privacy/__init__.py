"""Is a claimed epsilon consistent with what can be extracted? Accounting, bounds from scores, and canaries."""
