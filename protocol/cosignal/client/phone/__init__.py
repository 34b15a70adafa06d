"""A phone: broadcast, remember, download, find out, upload; one SQLite file.

======================================= ================================================
the file                                `database`
uploads that survive everything         `uploads`, `upload_advice`
fake uploads                            `chaff`
did the authority keep its word         `receipts`
======================================= ================================================

Every module keeps its own tables. Time and randomness are arguments.
"""
