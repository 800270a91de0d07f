"""Recordings after the call: encoded, stored, served by signed links, removed when their time is over."""
