"""The embedded broker: one file for the logs, the process's memory for what may die with it."""
