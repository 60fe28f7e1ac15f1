"""The files of `exports/serving` are what TensorFlow Serving, Compose and Kubernetes read."""

import re
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format
from serving_protos import BatchingParameters, MonitoringConfig
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

import rstg_tf

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "exports" / "serving"
# An uncompressed batch of 8 clips of the size that most are trained at.
LARGEST_REQUEST = 8 * 32 * 224 * 224 * 3


def parsed(name, message):
    return text_format.Parse((FOLDER / name).read_text(), message())


@pytest.fixture(scope="module")
def compose():
    (service,) = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"].values()
    return service


@pytest.fixture(scope="module")
def kubernetes():
    documents = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


def flags(arguments):
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)


def test_models_have_stable_and_canary_versions_that_are_loaded():
    (config,) = parsed("models.config", ModelServerConfig).model_config_list.config
    assert config.name in rstg_tf.list_models()
    assert config.base_path == f"/models/{config.name}"
    assert set(config.version_labels) == {"stable", "canary"}
    loaded = config.model_version_policy.specific.versions
    assert set(config.version_labels.values()) <= set(loaded)


def test_batches_are_of_allowed_sizes():
    batching = parsed("batching.config", BatchingParameters)
    sizes = list(batching.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == batching.max_batch_size.value  # Else the server does not start.
    assert batching.num_batch_threads.value > 0 and batching.batch_timeout_micros.value > 0


def test_monitoring_is_for_prometheus():
    prometheus = parsed("monitoring.config", MonitoringConfig).prometheus_config
    assert prometheus.enable and prometheus.path == "/metrics"


def test_a_misspelt_field_would_be_seen():
    with pytest.raises(text_format.ParseError, match="max_batchsize"):
        text_format.Parse("max_batchsize { value: 8 }", BatchingParameters())


def test_image_matches_the_client(compose, kubernetes):
    pins = (ROOT / "requirements.txt").read_text()
    version = re.search(r"^tensorflow-serving-api==(\S+)$", pins, re.MULTILINE)[1]
    (container,) = kubernetes["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert compose["image"] == container["image"] == f"tensorflow/serving:{version}"


def test_compose_starts_the_server_with_these_files(compose):
    given = flags(compose["command"])
    mounted = dict(volume.split(":")[1::-1] for volume in compose["volumes"])
    assert mounted == {"/models": "../models", "/config": "."}
    for name in ("model_config_file", "batching_parameters_file", "monitoring_config_file"):
        folder, file = given[name].rsplit("/", 1)
        assert (FOLDER / mounted[folder] / file).is_file()
    assert {f"{given['port']}:8500", f"{given['rest_api_port']}:8501"} == set(compose["ports"])
    limits = dict(pair.split("=") for pair in given["grpc_channel_arguments"].split(","))
    assert set(limits) == {f"grpc.max_{way}_message_length" for way in ("receive", "send")}
    assert all(int(limit) >= LARGEST_REQUEST for limit in limits.values())
    (config,) = parsed("models.config", ModelServerConfig).model_config_list.config
    assert f"/v1/models/{config.name} " in compose["healthcheck"]["test"][-1]


def test_kubernetes_runs_the_same_and_scales(compose, kubernetes):
    deployment, scaler = kubernetes["Deployment"], kubernetes["HorizontalPodAutoscaler"]
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert [*container["command"], *container["args"]] == [
        *compose["entrypoint"],
        *compose["command"],
    ]
    labels = pod["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert kubernetes["Service"]["spec"]["selector"] == labels
    target = scaler["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert scaler["spec"]["minReplicas"] < scaler["spec"]["maxReplicas"]
    # Without a request of processors there is no load in per cent.
    assert scaler["spec"]["metrics"][0]["resource"]["name"] in container["resources"]["requests"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["spec"]["volumes"]}
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in kubernetes["Service"]["spec"]["ports"]} == ports
    (config,) = parsed("models.config", ModelServerConfig).model_config_list.config
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"].startswith(f"/v1/models/{config.name}/")


def test_page_shows_flags_and_files_that_are_there():
    page = (FOLDER / "README.md").read_text()
    for command, line in re.findall(r"python (exports/\w+\.py)([^\n`]*)", page):
        source = (ROOT / command).read_text()
        for flag in re.findall(r"--[a-z-]+", line):
            assert f'"{flag}"' in source, (command, flag)
    for file in re.findall(r"^\| `([a-z.-]+\.[a-z]+)` \|", page, re.MULTILINE):
        assert (FOLDER / file).is_file()
    assert "**not run**" in page
