"""The fault table: what the service promises while its parts fail. See conftest.py for how each row is made."""
