"""Answering machine detection: who picked up, a person or a machine, and when its beep is over."""
