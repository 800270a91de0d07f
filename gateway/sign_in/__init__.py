"""People at the dashboard: users, passwords, and the sessions that a sign-in opens."""
