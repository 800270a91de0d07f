"""What was said in SIP: kept for a while, shown, saved with failed calls, and told to a collector."""
