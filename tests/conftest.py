import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, os.path.dirname(__file__))  # For the helpers beside the tests.


def pytest_addoption(parser):
    parser.addoption(
        "--write-counts",
        action="store_true",
        help="write how the trials of tests/faults ended into docs/reliability.md",
    )
