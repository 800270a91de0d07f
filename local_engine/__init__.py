"""A server that speaks Ultravox's REST and WebSocket protocol, for the quick start, the tests and the
benchmarks.

It is a stranger to the gateway: nothing of the gateway is imported here, and all it knows of its client comes
over the wire. `docs/local-engine.md` says how it differs from the real service.
"""
