"""Measurements a user would ask for: what a call costs, how many fit a core, how steady and how quick the
audio is.
"""
