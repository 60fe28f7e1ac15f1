"""Data sets: SyncMNIST, Interactions, and TFRecord shards of either."""
