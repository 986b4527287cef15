"""The chat page in a real Chromium, a test a behaviour: `bin/test page`."""
