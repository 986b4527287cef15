"""Pictures of the chat page in all its states: `python -m tests.shots FOLDER`."""
