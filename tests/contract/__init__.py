"""The conformance kit: docs/protocol.md as rules that any service can be held to, by its URL alone.

It knows nothing of how a service is made, and imports none. A rule is numbered by the section of docs/protocol.md that
it proves, which is the section's place among the headings: `rule_3_7` is the seventh of "Frames". Its docstring says
what, in "Frames" and "HTTP" behind the name of the part.
"""
