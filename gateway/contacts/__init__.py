"""The people an organisation calls, and the folders they lie in."""
