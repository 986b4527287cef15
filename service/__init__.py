"""Parley: a chat service that pushes messages from Redis Pub/Sub to every connected WebSocket.

Folders are families, and say in their own words what they own. Of the files beside them belong, top to bottom,
    to the command line: __main__, supervisor, systemd, tokens
    to the application: app, config, figures, files, lifecycle, traffic
    to the handlers: actions, api, chat, handler, health, pages, session, streams
    to the node: admission, mailbox, node
    to the base: addresses, clock, errors, findings, limits, logs, metrics, names, protocol, samples, signals,
        telemetry, totals
"""

__version__ = "1.0.0"
