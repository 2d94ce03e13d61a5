"""A trained network -> the bundle that ships, verified on the engine that will run it."""
