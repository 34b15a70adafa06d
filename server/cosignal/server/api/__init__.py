"""HTTP, one module for each audience."""
