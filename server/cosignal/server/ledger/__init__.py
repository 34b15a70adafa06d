"""Run one authority's part of the chain."""
