"""Browser calls that nobody holds a key for: widgets, open agents, origins, and what a visitor may do."""
