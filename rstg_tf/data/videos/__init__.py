"""Real videos: decoding, datasets as they are found on disk, and shards made of them."""

from rstg_tf.data.videos.decoding import VideoError, VideoLimits, VideoReader, decode_video

__all__ = ["VideoError", "VideoLimits", "VideoReader", "decode_video"]
