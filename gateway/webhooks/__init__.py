"""What the gateway tells others of its own accord: events, signed and delivered."""
