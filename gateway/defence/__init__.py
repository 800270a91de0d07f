"""What stands before a request makes any state: who it is, how many there are, whether it is sane."""
