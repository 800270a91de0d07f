"""Numbers beyond the table: brought in from a carrier after a test, bought from stock, given back."""
