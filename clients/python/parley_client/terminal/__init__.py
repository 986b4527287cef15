"""The chat on a command line, as an example of the library: `parley-chat URL`."""
