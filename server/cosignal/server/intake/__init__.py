"""A person's keys come in: code, certificate, upload."""
