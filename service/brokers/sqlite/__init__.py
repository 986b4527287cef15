"""The embedded broker: one file for the logs, the process's memory for what may die with it.

May use the contracts beside it and the base; knows nothing of Redis. The file is touched on a thread of its own alone.
"""
