"""A phone: broadcast, remember, download, find out, upload; one SQLite file.

======================================= ================================================
the file                                `database`
======================================= ================================================

Every module keeps its own tables. Time and randomness are arguments.
"""
