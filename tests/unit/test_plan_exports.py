import json
import math
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.growth import rampup
from siotool.plan.growth.exports import Autoscaling, manifest, query, target_per_pod
from siotool.plan.growth.rampup import Ramp, check_ramp, ramp_warning

GOLDEN = Path(__file__).parents[1] / "golden"

CHAT = Autoscaling(
    target="chat",
    namespace="realtime",
    min_replicas=4,
    max_replicas=17,
    connections_per_pod=12_000,
    figures=[
        "servers: 14 at p50, 17 at p95; binding: memory",
        "connections: 150,000 (typed), 12,000 on one server",
    ],
)
PROMETHEUS = "http://prometheus.monitoring:9090"


def scalar(text):
    """A scalar as every version of YAML reads it; what they disagree on is not allowed here."""
    if text.startswith('"'):
        return json.loads(text)
    if re.fullmatch(r"0|[1-9][0-9]*", text):
        return int(text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9./_-]*", text), text
    assert text.lower() not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, text
    return text


def read_yaml(text):
    """The part of YAML that the manifests are written in, and nothing else: a strict reading of it."""
    lines = [line for line in text.split("\n")[:-1] if not line.startswith("#")]
    assert text.endswith("\n")

    def block(at, indent):
        if lines[at][indent:].startswith("- "):
            items = []
            while at < len(lines) and depth(lines[at]) == indent and lines[at][indent:].startswith("- "):
                lines[at] = lines[at][:indent] + "  " + lines[at][indent + 2 :]
                item, at = block(at, indent + 2)
                items.append(item)
            return items, at
        mapping = {}
        while at < len(lines) and depth(lines[at]) == indent and not lines[at][indent:].startswith("- "):
            key, rest = re.fullmatch(r"([A-Za-z]+):(?: (\S.*))?", lines[at][indent:]).groups()
            assert key not in mapping, f"{key} twice"
            if rest is None:
                assert depth(lines[at + 1]) == indent + 2, lines[at]
                mapping[key], at = block(at + 1, indent + 2)
            else:
                mapping[key], at = scalar(rest), at + 1
        return mapping, at

    document, end = block(0, 0)
    assert end == len(lines), lines[end]
    return document


def depth(line):
    return len(line) - len(line.lstrip(" "))


def closed(required, **optional):
    """A JSON Schema of an object with these fields and no others."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


COUNT = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
TEXT = {"type": "string"}
METADATA = closed({"name": TEXT, "namespace": TEXT})
REFERENCE = closed(
    {"apiVersion": {"const": "apps/v1"}, "kind": {"enum": ["Deployment", "StatefulSet"]}, "name": TEXT}
)
POLICY = closed(
    {
        "type": {"enum": ["Pods", "Percent"]},
        "value": COUNT,
        "periodSeconds": {"type": "integer", "minimum": 1, "maximum": 1800},
    }
)
RULES = closed(
    {"policies": {"type": "array", "items": POLICY, "minItems": 1}},
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
    selectPolicy={"enum": ["Max", "Min", "Disabled"]},
)
BEHAVIOR = closed({}, scaleUp=RULES, scaleDown=RULES)

#: Fields of autoscaling/v2: kubernetes/kubernetes, api/openapi-spec/v3/apis__autoscaling__v2_openapi.json;
#: bounds: its pkg/apis/autoscaling/validation/validation.go.
HPA = closed(
    {
        "apiVersion": {"const": "autoscaling/v2"},
        "kind": {"const": "HorizontalPodAutoscaler"},
        "metadata": METADATA,
        "spec": closed(
            {"scaleTargetRef": REFERENCE, "maxReplicas": COUNT},
            minReplicas=COUNT,
            metrics={
                "type": "array",
                "items": closed(
                    {
                        "type": {"const": "Pods"},
                        "pods": closed(
                            {
                                "metric": closed({"name": TEXT}),
                                "target": closed(
                                    {
                                        "type": {"const": "AverageValue"},
                                        "averageValue": {"type": "string", "pattern": "^[1-9][0-9]*$"},
                                    }
                                ),
                            }
                        ),
                    }
                ),
            },
            behavior=BEHAVIOR,
        ),
    }
)

#: Fields of keda.sh/v1alpha1: kedacore/keda, config/crd/bases/keda.sh_scaledobjects.yaml; of the
#: trigger's metadata: kedacore/keda, pkg/scalers/prometheus_scaler.go.
KEDA = closed(
    {
        "apiVersion": {"const": "keda.sh/v1alpha1"},
        "kind": {"const": "ScaledObject"},
        "metadata": METADATA,
        "spec": closed(
            {
                "scaleTargetRef": REFERENCE,
                "triggers": {
                    "type": "array",
                    "items": closed(
                        {
                            "type": {"const": "prometheus"},
                            "metadata": closed(
                                {"serverAddress": TEXT, "query": TEXT, "threshold": TEXT},
                                ignoreNullValues={"enum": ["true", "false"]},
                            ),
                        },
                        metricType={"enum": ["AverageValue", "Value"]},
                    ),
                },
            },
            minReplicaCount=COUNT,
            maxReplicaCount=COUNT,
            fallback=closed({"failureThreshold": COUNT, "replicas": COUNT}),
            advanced=closed({}, horizontalPodAutoscalerConfig=closed({}, behavior=BEHAVIOR)),
        ),
    }
)


VALID_HPA, VALID_KEDA = jsonschema.Draft202012Validator(HPA), jsonschema.Draft202012Validator(KEDA)


@pytest.mark.parametrize(
    ("text", "file", "valid"),
    [
        pytest.param(manifest("hpa", CHAT), "plan_hpa.yaml", VALID_HPA, id="HorizontalPodAutoscaler"),
        pytest.param(manifest("keda", CHAT, PROMETHEUS), "plan_keda.yaml", VALID_KEDA, id="ScaledObject"),
    ],
)
def test_a_manifest_is_what_its_api_documents(text, file, valid):
    assert text == (GOLDEN / file).read_text(encoding="utf-8")
    valid.validate(read_yaml(text))


def test_the_hpa_says_what_the_plan_says():
    spec = read_yaml(manifest("hpa", CHAT))["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (4, 17)
    assert spec["scaleTargetRef"]["name"] == "chat"
    pods = spec["metrics"][0]["pods"]
    assert pods == {
        "metric": {"name": "socket_io_connected"},
        "target": {"type": "AverageValue", "averageValue": "10909"},
    }
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def test_scale_up_is_kubernetes_own_default_written_out():
    # kubernetes/kubernetes, pkg/apis/autoscaling/v2/defaults.go
    behavior = read_yaml(manifest("hpa", CHAT))["spec"]["behavior"]["scaleUp"]
    policies = {(p["type"], p["value"], p["periodSeconds"]) for p in behavior["policies"]}
    assert policies == {("Percent", 100, 15), ("Pods", 4, 15)}
    assert (behavior["selectPolicy"], behavior["stabilizationWindowSeconds"]) == ("Max", 0)


def test_keda_without_figures_goes_to_full_size_not_to_the_smallest():
    spec = read_yaml(manifest("keda", CHAT, PROMETHEUS))["spec"]
    assert spec["fallback"] == {"failureThreshold": 3, "replicas": 17}
    metadata = spec["triggers"][0]["metadata"]
    assert metadata["ignoreNullValues"] == "false"
    assert metadata["threshold"] == "10909"
    assert metadata["query"] == (
        'sum(socket_io_connected{namespace="realtime",pod=~"chat-[a-z0-9]+-[a-z0-9]{5}"})'
    )


def test_an_address_with_a_path():
    spec = read_yaml(manifest("keda", CHAT, "https://mimir.example/prometheus"))["spec"]
    assert spec["triggers"][0]["metadata"]["serverAddress"] == "https://mimir.example/prometheus"


@pytest.mark.parametrize(
    ("target", "pod", "matches"),
    [
        ("chat", "chat-6d4cf56db6-x7k2p", True),
        ("chat", "chat-admin-6d4cf56db6-x7k2p", False),
        ("chat", "mychat-6d4cf56db6-x7k2p", False),
        ("chat.v2", "chat.v2-6d4cf56db6-x7k2p", True),
        ("chat.v2", "chatxv2-6d4cf56db6-x7k2p", False),
    ],
)
def test_the_query_sums_over_the_workloads_own_pods(target, pod, matches):
    said = query(Autoscaling(target, 1, 2, 100))
    pattern = json.loads('"' + re.search(r'pod=~"([^"]*)"', said)[1] + '"')  # PromQL escapes as JSON does
    assert bool(re.fullmatch(pattern, pod)) == matches


@pytest.mark.parametrize(
    "name", ["no", "on", "y", "null", "true", "1e3", "0x1f", "123", "a--b", "a.b-c", "8.5"]
)
def test_a_name_that_yaml_could_take_for_something_else(name):
    namespace = name.replace(".", "-")
    read = read_yaml(manifest("hpa", Autoscaling(name, 1, 2, 100, namespace=namespace)))
    assert read["metadata"] == {"name": name, "namespace": namespace}
    assert read["spec"]["scaleTargetRef"]["name"] == name


def test_the_longest_names_there_may_be():
    read = read_yaml(manifest("hpa", Autoscaling("a" * 253, 1, 2, 100, namespace="b" * 63)))
    assert read["metadata"] == {"name": "a" * 253, "namespace": "b" * 63}


@given(st.lists(st.text()))
def test_comments_stay_comments_whatever_they_say(figures):
    text = manifest("hpa", Autoscaling("chat", 1, 2, 100, figures=figures))
    assert len(re.split("[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text)) == text.count("\n") + 1
    assert read_yaml(text) == read_yaml(manifest("hpa", Autoscaling("chat", 1, 2, 100)))


@settings(max_examples=30)
@given(
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True),
    st.integers(1, 2**31 - 1),
    st.floats(2, 1e7),
)
def test_every_valid_name_and_number_comes_back(name, replicas, connections):
    scaling = Autoscaling(name, 1, replicas, connections, namespace=name)
    for kind, valid in (("hpa", VALID_HPA), ("keda", VALID_KEDA)):
        text = manifest(kind, scaling, PROMETHEUS)
        document = read_yaml(text)
        valid.validate(document)
        assert document["metadata"]["namespace"] == name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"target": "Chat"}, "the workload's name: 'Chat'", id="capitals"),
        pytest.param({"target": ""}, "the workload's name: ''", id="no name"),
        pytest.param({"target": "chat-"}, "the workload's name", id="a dash at the end"),
        pytest.param({"target": "chat\nspec: {}"}, "the workload's name", id="a line break"),
        pytest.param({"target": "a" * 254}, "the workload's name", id="a name too long"),
        pytest.param({"namespace": "a.b"}, "the namespace", id="a namespace is one label"),
        pytest.param({"namespace": "a" * 64}, "the namespace", id="and at most 63 letters"),
        pytest.param({"min_replicas": 0}, "the fewest replicas: 0", id="no replicas"),
        pytest.param({"max_replicas": 3}, "the most replicas: 3; expected 4", id="upside down"),
        pytest.param({"max_replicas": 2**31}, "the most replicas", id="more than 32 bits"),
        pytest.param({"connections_per_pod": 1.05}, "too few", id="a pod that holds one"),
        pytest.param({"connections_per_pod": math.inf}, "not a number", id="a pod that holds all"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused(change, said):
    scaling = msgspec.structs.replace(CHAT, **change)
    for kind in ("hpa", "keda"):
        with pytest.raises(InputError, match=said):
            manifest(kind, scaling, PROMETHEUS)


@pytest.mark.parametrize(
    "address", ["", "prometheus:9090", "http://", "http://a b", "ftp://a", "http://a\nb"]
)
def test_an_address_that_is_none(address):
    with pytest.raises(InputError, match="Prometheus"):
        manifest("keda", CHAT, address)


def test_a_target_that_comes_out_even():
    assert [target_per_pod(1.1 * n) for n in (1, 3, 7, 1000, 12_345)] == [1, 3, 7, 1000, 12_345]


@given(st.floats(1.2, 1e9))
def test_the_tolerance_above_the_target_is_still_safe(connections):
    target = target_per_pod(connections)
    assert target * 1.1 <= connections * (1 + 1e-6)
    assert (target + 1) * 1.1 > connections * (1 - 1e-6)


@pytest.mark.parametrize(
    ("ramp", "replicas", "most", "boot_s", "age_s", "full_after_s", "short"),
    [
        pytest.param(Ramp(0, 0, 0), 1, 5, 30, 60, None, 0, id="nothing happens"),
        pytest.param(Ramp(500, 500, 0), 1, 5, 30, 60, None, 0, id="connections stay as they are"),
        pytest.param(Ramp(0, 1100, 10), 1, 5, 30, 60, None, 0, id="just what is tolerated"),
        # one pod holds 1,100; the average passes 1,100 at 110 s, is seen so at 120 s, and helps at 150 s
        pytest.param(Ramp(0, 2000, 10), 1, 5, 30, 0, 110, 400, id="full until the next is up"),
        pytest.param(Ramp(0, 2000, 10), 2, 5, 30, 0, None, 0, id="one more from the start"),
        pytest.param(Ramp(0, 2000, 10), 1, 5, 30, 60, 110, 900, id="an old figure costs a minute"),
        pytest.param(Ramp(0, 2000, 1), 1, 5, 0, 0, 1100, 10, id="slowly: short for a look only"),
        pytest.param(Ramp(0, 9000, 10), 1, 4, 0, 0, 110, 4600, id="no more pods than there may be"),
        pytest.param(Ramp(9000, 9000, 0), 1, 4, 0, 0, 0, 4600, id="too many to begin with"),
    ],
)
def test_an_autoscaler_follows_a_ramp(ramp, replicas, most, boot_s, age_s, full_after_s, short, monkeypatch):
    monkeypatch.setattr(rampup, "METRIC_AGE_S", age_s)
    check = check_ramp(ramp, 1100, replicas, most, boot_s)
    assert check.full_after_s == (None if full_after_s is None else pytest.approx(full_after_s))
    assert check.short == pytest.approx(short)


def test_pods_double_every_fifteen_seconds_but_four_at_least(monkeypatch):
    monkeypatch.setattr(rampup, "METRIC_AGE_S", 0)
    # 1, 5, 10, 20, 40, 80 pods after looks at 15, 30, 45, 60 and 75 s; all at once before the first
    check = check_ramp(Ramp(0, 80_000, 80_000), 1100, 1, 1000, 0)
    assert check.short == 80_000 - 1100
    late = check_ramp(Ramp(0, 80_000, 80_000), 1100, 1, 39, 0)
    assert late.capped
    assert not check.capped


@given(st.floats(0, 1e5), st.floats(1, 1e5), st.floats(0.1, 1e5), st.integers(1, 50), st.floats(0, 300))
def test_a_fleet_that_is_large_enough_from_the_start_is_never_short(start, more, per_s, replicas, boot_s):
    ramp = Ramp(start, start + more, per_s)
    per_pod = ramp.peak / replicas * 1.0001 + 2
    check = check_ramp(ramp, per_pod, replicas, replicas, boot_s)
    assert (check.short, check.full_after_s, check.capped) == (0, None, False)


def test_a_ramp_that_outruns_the_autoscaler_says_what_would_help(monkeypatch):
    monkeypatch.setattr(rampup, "METRIC_AGE_S", 0)
    said = ramp_warning(Ramp(0, 2000, 10), 1100, 1, 5, 30)
    assert said == (
        "10 new connections per second outrun the autoscaler: the pods are full after 1.83 min, and short "
        "of room for up to 400 connections. Keep 2 pods from the start, or scale before the ramp begins."
    )
    assert ramp_warning(Ramp(0, 2000, 10), 1100, 2, 5, 30) is None
    assert ramp_warning(Ramp(0, 9000, 10), 1100, 1, 4, 0).endswith(
        "The peak needs 9 pods, and 4 is the maximum."
    )


@given(st.floats(1, 1e5), st.floats(0.1, 1e4), st.floats(100, 1e4), st.floats(0, 300))
def test_the_pods_it_names_are_enough(peak, per_s, per_pod, boot_s):
    ramp, most = Ramp(0, peak, per_s), 2000
    said = ramp_warning(ramp, per_pod, 1, most, boot_s)
    if said is not None:
        enough = int(re.search(r"Keep ([\d,]+) pods", said)[1].replace(",", ""))
        assert enough > 1
        assert ramp_warning(ramp, per_pod, enough, most, boot_s) is None


@pytest.mark.parametrize(
    ("ramp", "boot_s", "said"),
    [
        pytest.param(Ramp(10, 5, 1), 0, "does not go up", id="downwards"),
        pytest.param(Ramp(0, math.inf, 1), 0, "does not go up", id="without end"),
        pytest.param(Ramp(0, 1e6, 0.1), 0, "more than 30 days", id="months"),
        pytest.param(Ramp(0, 10, 0), 0, "more than 30 days", id="a ramp that stands still"),
        pytest.param(Ramp(0, 10, 1), -1, "start of a pod", id="a pod up before it is asked for"),
    ],
)
def test_a_ramp_that_is_none_is_refused(ramp, boot_s, said):
    with pytest.raises(InputError, match=said):
        check_ramp(ramp, 1000, 1, 5, boot_s)
