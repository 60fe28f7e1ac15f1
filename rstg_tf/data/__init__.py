"""Data sets: SyncMNIST, Interactions, real videos, and TFRecord shards of any."""
