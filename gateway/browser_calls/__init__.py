"""Calls of browsers that our own media stack carries: tokens, offer and answer, sessions, events."""
