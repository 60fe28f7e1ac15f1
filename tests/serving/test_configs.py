"""The files of `exports/serving` are what TensorFlow Serving, Compose and Kubernetes read."""

import copy
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from google.protobuf import text_format
from serving_protos import BatchingParameters, MonitoringConfig
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

import rstg_tf
from rstg_tf.cli import main

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "exports" / "serving"
WRONG = (
    KeyError,  # Of `kind` and `apiVersion`.
    kubernetes_validate.ValidationError,
    kubernetes_validate.InvalidSchemaError,
    kubernetes_validate.SchemaNotFoundError,
)
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
    assert {given["port"], given["rest_api_port"]} == {"8500", "8501"}
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


def test_compose_file_is_one():
    schema = jsonschema.Draft202012Validator(get_builtin_schema("vendor.compose-spec"))
    whole = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())
    schema.validate(whole)
    for keys in paths(whole["services"]["serving"]):
        if keys[0] == "logging" and len(keys) > 2:  # Options are the driver's.
            continue
        wrong = copy.deepcopy(whole)
        misspell(wrong["services"]["serving"], keys)
        assert list(schema.iter_errors(wrong)), keys


@pytest.mark.parametrize("version", ["1.29", "1.37"])
def test_kubernetes_objects_are_such(version, kubernetes):
    assert set(kubernetes) == {
        "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget",
        "NetworkPolicy", "ServiceAccount",
    }  # fmt: skip
    for document in kubernetes.values():
        kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_key_of_kubernetes_would_be_seen(kubernetes):
    any_keys = {"labels", "annotations", "matchLabels", "selector", "requests", "limits"}
    for document in kubernetes.values():
        for keys in paths(document):
            if keys[-2:-1] and keys[-2] in any_keys and keys[-1] != "matchLabels":
                continue
            wrong = copy.deepcopy(document)
            misspell(wrong, keys)
            with pytest.raises(WRONG):
                kubernetes_validate.validate(wrong, "1.37", strict=True)


def hardened_pod(pod, container):
    """The Pod Security Standard "restricted", and what it leaves open."""
    around, inside = pod["securityContext"], container["securityContext"]
    assert around["runAsNonRoot"] is True and around["runAsUser"] > 0 and around["runAsGroup"] > 0
    assert around["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inside["allowPrivilegeEscalation"] is False and inside["privileged"] is False
    assert inside["readOnlyRootFilesystem"] is True
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all({"persistentVolumeClaim", "configMap", "emptyDir"} & set(v) for v in pod["volumes"])
    assert all(
        mount.get("readOnly") is True or mount["mountPath"] == "/tmp"
        for mount in container["volumeMounts"]
    )
    limits = container["resources"]["limits"]
    assert set(limits) == {"cpu", "memory", "ephemeral-storage"}


def hardened_service(service):
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(path.startswith("/tmp:") and "noexec" in path for path in service["tmpfs"])
    assert all(volume.endswith(":ro") for volume in service["volumes"])
    assert {service[limit] for limit in ("mem_limit", "memswap_limit")} == {"4g"}
    assert service["pids_limit"] > 0
    assert all(port.startswith("${RSTG_BIND:-127.0.0.1}:") for port in service["ports"])
    assert not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices"} & set(service)


def test_the_server_has_no_right_that_it_does_not_need(compose, kubernetes):
    hardened_service(compose)
    for key in ("user", "read_only", "cap_drop", "security_opt", "ports", "pids_limit", "tmpfs"):
        with pytest.raises((AssertionError, KeyError, TypeError)):
            hardened_service({**compose, key: None})
    pod = kubernetes["Deployment"]["spec"]["template"]["spec"]
    hardened_pod(pod, pod["containers"][0])
    assert kubernetes["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == kubernetes["ServiceAccount"]["metadata"]["name"]
    for where in ("securityContext", "resources"):
        for keys in paths(pod["containers"][0][where]):
            wrong = copy.deepcopy(pod)
            misspell(wrong["containers"][0][where], keys)
            if keys[0] != "requests":
                with pytest.raises((AssertionError, KeyError)):
                    hardened_pod(wrong, wrong["containers"][0])


def test_only_clients_and_prometheus_reach_the_pods(kubernetes):
    policy, deployment = kubernetes["NetworkPolicy"]["spec"], kubernetes["Deployment"]["spec"]
    assert policy["podSelector"] == deployment["selector"]
    assert policy["policyTypes"] == ["Ingress", "Egress"] and policy["egress"] == []
    (container,) = deployment["template"]["spec"]["containers"]
    names = {port["name"] for port in container["ports"]}
    clients, prometheus = policy["ingress"]
    assert {port["port"] for port in clients["ports"]} == names
    assert [port["port"] for port in prometheus["ports"]] == ["rest"]
    for rule in policy["ingress"]:
        assert all(any(value for value in peer.values()) for peer in rule["from"])
    (label,) = clients["from"][0]["podSelector"]["matchLabels"].items()
    assert "{}={}".format(*label) in (FOLDER / "README.md").read_text()


def paths(value, before=()):
    """Yields the keys that lead to each key of nested dicts and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(value, dict):
            yield (*before, key)
        if isinstance(inner, (dict, list)):
            yield from paths(inner, (*before, key))


def misspell(value, keys):
    *around, key = keys
    for inner in around:
        value = value[inner]
    value[f"{key}X"] = value.pop(key)


def test_page_shows_flags_and_files_that_are_there(capsys):
    page = (FOLDER / "README.md").read_text()
    for command, line in re.findall(r"python (exports/\w+\.py)([^\n`]*)", page):
        with pytest.raises(SystemExit):
            main(["serve-client" if "client" in command else "export", "--help"])
        shown = capsys.readouterr().out
        for flag in re.findall(r"--[a-z-]+", line):
            assert flag in shown, (command, flag)
    for file in re.findall(r"^\| `([a-z.-]+\.[a-z]+)` \|", page, re.MULTILINE):
        assert (FOLDER / file).is_file()
    assert "**not run**" in page
