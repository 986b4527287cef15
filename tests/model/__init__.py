"""Random operations against the running service, and a model of what must be seen of them."""
