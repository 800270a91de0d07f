"""What a call sounds like, in figures: E-model, running figures of a leg, who waits for whom, a diagnosis."""
