"""What the package declares is what it imports, and what the lock holds."""

import ast
import importlib.metadata
import itertools
import pathlib
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LOCK = REPOSITORY / "requirements.txt"
BROUGHT_ALONG = {  # Import, and the declared requirement that comes with it.
    "IPython": "ipykernel",
    "botocore": "boto3",
    "google.protobuf": "tensorflow",
    "grpc": "tensorflow-serving-api",
    "keras": "tensorflow",
    "traitlets": "ipykernel",
}
OTHER_NAMES = {
    "PIL": "pillow",
    "apache_beam": "apache-beam",
    "cv2": "opencv-python-headless",
    "google_crc32c": "google-crc32c",
    "official": "tf-models-official",
    "sklearn": "scikit-learn",
    "tensorflow_serving": "tensorflow-serving-api",
    "yaml": "pyyaml",
}


def requirements(lines):
    return [Requirement(line) for line in lines]


def declared():
    """Every requirement of the core and of the extras, without references to other extras."""
    lines = itertools.chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    return [wanted for wanted in requirements(lines) if wanted.name != PROJECT["name"]]


def pinned():
    lines = [line.split("#")[0].strip() for line in LOCK.read_text().splitlines()]
    return {canonicalize_name(wanted.name): wanted for wanted in requirements(filter(None, lines))}


def imported():
    """Third-party modules that the package imports, each with the first file that does."""
    found = {}
    for path in sorted((REPOSITORY / "rstg_tf").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            for name in names:
                parts = name.split(".")
                top = ".".join(parts[:2]) if parts[0] == "google" else parts[0]
                if top not in sys.stdlib_module_names and top != "rstg_tf":
                    found.setdefault(top, path.relative_to(REPOSITORY))
    return found


def test_every_import_is_declared():
    names = {canonicalize_name(wanted.name) for wanted in declared()}
    missing = {
        module: str(path)
        for module, path in imported().items()
        if BROUGHT_ALONG.get(module, OTHER_NAMES.get(module, module)) not in names
    }
    assert not missing


def test_every_extra_is_in_the_lock():
    lock = pinned()
    for wanted in declared():
        name = canonicalize_name(wanted.name)
        if name in lock:
            versions = [spec.version for spec in lock[name].specifier if spec.operator == "=="]
            assert all(wanted.specifier.contains(version) for version in versions), wanted
        else:  # It comes with something that is pinned.
            assert wanted.specifier.contains(importlib.metadata.version(name)), wanted


def test_the_extra_all_has_every_command():
    extras = PROJECT["optional-dependencies"]

    def expanded(extra):
        names = set()
        for wanted in requirements(extras[extra]):
            if wanted.name == PROJECT["name"]:
                names = names.union(*(expanded(inner) for inner in wanted.extras))
            else:
                names.add(wanted.name)
        return names

    for extra in set(extras) - {"docs", "dev"}:
        assert expanded(extra) <= expanded("all")
    assert expanded("all") <= expanded("dev")


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-io", "tf-models-official", "keras"])
def test_the_lock_pins_exactly(name):
    assert re.fullmatch("==[0-9.]+", str(pinned()[name].specifier))


def test_python_versions_are_those_that_are_tested():
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(version)


def test_the_version_is_told_once():
    import rstg_tf

    assert PROJECT["dynamic"] == ["version"]
    assert f"\nversion: {rstg_tf.__version__}\n" in (REPOSITORY / "CITATION.cff").read_text()
    assert f"\n## {rstg_tf.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text()


def test_the_citation_is_valid():
    checker = ["check-jsonschema", "--builtin-schema=vendor.citation-file-format"]
    command = [str(pathlib.Path(sys.executable).parent / checker[0]), *checker[1:]]
    subprocess.run([*command, str(REPOSITORY / "CITATION.cff")], check=True)
