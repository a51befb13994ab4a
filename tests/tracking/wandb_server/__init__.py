"""A small W&B server on loopback, for the real client: `with serving() as server: ...`.

It keeps what clients send as W&B's own server would show it (`received`), answers their three
interfaces (`graphql`, `file_stream`, uploads in `http_server`), and fails on demand (`faults`).
"""
