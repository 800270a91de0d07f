"""What is found out about a call when it is over: its outcome, and what was said in it."""
