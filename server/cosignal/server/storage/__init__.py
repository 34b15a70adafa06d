"""What a node keeps: one SQLite file and one public folder."""
