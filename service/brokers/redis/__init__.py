"""The broker on Redis: two connections a process, one for commands, one for channels; each step is a script."""
