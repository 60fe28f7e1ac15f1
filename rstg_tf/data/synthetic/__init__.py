"""Clips made by program: Interactions and SyncMNIST."""
