"""Datasets on disk: TFRecord shards and the `dataset_info.json` that describes them."""
