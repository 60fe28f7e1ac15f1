"""From records to clips: which frames, which part of each, changed for training."""
