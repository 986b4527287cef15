"""WebSocket clients of other authors, each taken through the same few scenes."""
