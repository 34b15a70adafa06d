"""Commands that read a chain: one module each, registered by `cosignal.server.cli`."""
