"""Faults of the storage that pass: a full disk, a busy or failing one.

Such a step has not happened: transactions are rolled back, files are whole or absent.
The caller answers that trying again later makes sense. `FatalError` is for what does
not pass: two writers, two histories, bytes that changed by themselves.
"""

from sqlalchemy.exc import OperationalError

STORAGE_FAULTS = (OSError, OperationalError)
