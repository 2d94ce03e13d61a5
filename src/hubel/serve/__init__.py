"""Bundles behind HTTP: the service, its page, and the page of the runs. No torch but to explain."""
