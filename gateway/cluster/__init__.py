"""Several gateways on one database: who is alive, who has how many calls, who leads, who must know what."""
