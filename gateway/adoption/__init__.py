"""Calls that outlive the gateway they are on: snapshots of them, and how another one goes on with a call."""
