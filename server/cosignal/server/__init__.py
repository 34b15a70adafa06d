"""One authority's node."""
