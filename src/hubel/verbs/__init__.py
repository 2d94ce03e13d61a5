"""The verbs: one function each, of the same name and with the same defaults as its command."""
