"""Coverage-guided fuzzing of what reads the wire. By hand, for as long as is wanted:

    python -m tests.fuzz parser -max_total_time=600

The options behind the target's name are libFuzzer's. The suite runs each target for a few seconds
(`tests/sip/test_fuzz.py`).
"""
