"""Campaigns: many calls to many contacts, on a schedule and within limits, through crashes and restarts.

What is decided (when, how many, whom, from which number, what an outcome means) are pure functions of the
time and of what the store holds; `dialer` and `campaign_run` carry it out.
"""
