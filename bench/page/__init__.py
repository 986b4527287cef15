"""What the chat page costs and how fast it is: a real Chromium, the real service. `python -m bench.page --help`."""
