"""Configs as plain data and as text."""

import json

import yaml


def to_plain(config):
    """A config as nested dicts and lists, as a file gives it back."""
    return json.loads(json.dumps(config.as_dict()))


def to_yaml(config):
    """A config as YAML text that `apply_file` reads."""
    return yaml.safe_dump(to_plain(config), sort_keys=False, default_flow_style=None)
