"""The SIP torture test messages of RFC 4475 (and those of RFC 5118 that matter), by their names there."""
