"""What runs a load where containers run: its schemas, its goldens, and that any text survives."""

import json
import re
from importlib.resources import files

import jsonschema
import kubernetes_validate
import msgspec
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from siotool.deployment.image import LOAD
from siotool.deployment.manifests import (
    MOST_BYTES,
    Deployed,
    LoadFile,
    deployed_name,
    manifest,
    rendered,
)
from siotool.errors import InputError

TOKEN = "0123456789abcdef0123456789abcdef"
CHAT = Deployed(
    name="siotool-chat",
    image="registry.example.org/siotool:0.1.0",
    workers=8,
    token=TOKEN,
    arguments=["loadtest", "http://chat:3000", "--scenario", f"{LOAD}/scenario/chat.py", "--users", "60k"],
    run_megabytes=600,
    worker_megabytes=575,
    variables={"SIOTOOL_LOADTEST_AUTH": '{"token":"a $secret"}'},
    files=[
        LoadFile("users-file.csv", "/home/me/users.csv", b"name\nada\n"),
        LoadFile("scenario/chat.py", "/home/me/chat.py", b"from lib import words\n"),
        LoadFile("scenario/lib/words.py", "/home/me/lib/words.py", b""),
    ],
)
PLAIN = msgspec.structs.replace(CHAT, variables={}, files=[], image="siotool")
UNKNOWN = msgspec.structs.replace(PLAIN, worker_megabytes=None)


def resources(deployed):
    return {(one["kind"], one["metadata"]["name"]): one for one in of_kubernetes(deployed)}


def of_kubernetes(deployed):
    return [*yaml.safe_load_all(manifest("kubernetes", deployed))]


def of_compose(deployed):
    return yaml.safe_load(manifest("compose", deployed))


def test_the_manifests_are_those_of_the_golden_files(golden):
    golden("deployment/kubernetes.yaml", manifest("kubernetes", CHAT))
    golden("deployment/compose.yaml", manifest("compose", CHAT))


def test_the_dockerfile_is_what_the_template_makes(golden):
    golden("../../Dockerfile", rendered("Dockerfile"))


@pytest.mark.parametrize("version", ["1.29", "1.33", "1.36"])
@pytest.mark.parametrize(
    "deployed", [CHAT, PLAIN, UNKNOWN], ids=["with files and secrets", "plain", "any number of users"]
)
def test_kubernetes_takes_every_resource(deployed, version):
    for resource in of_kubernetes(deployed):
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("deployed", [CHAT, PLAIN], ids=["with files and secrets", "plain"])
def test_compose_takes_the_file(deployed):
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(of_compose(deployed), json.loads(schema.read_text("utf-8")))


def test_a_run_is_tried_once_and_a_lost_worker_ends_no_other():
    found = resources(CHAT)
    run, workers = found["Job", "siotool-chat"]["spec"], found["Job", "siotool-chat-workers"]["spec"]
    assert run["backoffLimit"] == 0
    assert (workers["completions"], workers["parallelism"], workers["backoffLimitPerIndex"]) == (8, 8, 0)


def test_workers_of_an_unknown_number_of_users_have_no_limit_of_memory():
    """200 MB were asked for, as if there were none, and the cluster killed the workers."""

    def memory(deployed):
        job = resources(deployed)["Job", "siotool-chat-workers"]["spec"]["template"]["spec"]
        asked = job["containers"][0]["resources"]
        return asked["requests"], asked.get("limits")

    assert memory(PLAIN) == ({"cpu": "1", "memory": "575M"}, {"memory": "1150M"})
    assert memory(UNKNOWN) == ({"cpu": "1"}, None)


def test_what_may_be_secret_stands_in_secrets_alone():
    found = resources(CHAT)
    secret = found["Secret", "siotool-chat"]["stringData"]
    assert secret == {"token": TOKEN, **CHAT.variables}
    others = [one for key, one in found.items() if key[0] != "Secret"]
    assert TOKEN not in json.dumps(others)
    assert "$secret" not in json.dumps(others)
    whole = manifest("compose", CHAT)
    assert TOKEN not in whole
    assert "secret" not in whole.replace("may be secret", "")


def test_no_container_is_root_or_may_become_it():
    for job in (one for key, one in resources(CHAT).items() if key[0] == "Job"):
        pod = job["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert container["securityContext"]["readOnlyRootFilesystem"]
    user = re.search(r"^USER (\d+):\d+$", rendered("Dockerfile"), re.MULTILINE)
    assert user is not None
    assert int(user[1]) == pod["securityContext"]["runAsUser"] > 0


def test_each_file_lies_where_the_arguments_say():
    found = resources(CHAT)
    pod = found["Job", "siotool-chat"]["spec"]["template"]["spec"]
    items = next(volume for volume in pod["volumes"] if volume["name"] == "files")["secret"]["items"]
    assert [item["path"] for item in items] == [file.path for file in CHAT.files]
    assert set(found["Secret", "siotool-chat-files"]["data"]) == {item["key"] for item in items}
    binds = of_compose(CHAT)["services"]["run"]["volumes"][2:]
    assert [(bind["source"], bind["target"]) for bind in binds] == [
        (file.source, f"{LOAD}/{file.path}") for file in CHAT.files
    ]


def test_more_than_a_secret_holds_is_refused_with_what_to_do():
    big = msgspec.structs.replace(CHAT, files=[LoadFile("users-file.csv", "/users.csv", b"x" * MOST_BYTES)])
    with pytest.raises(InputError, match=r"1,333,336 bytes; a Secret of Kubernetes holds 1,000,000"):
        manifest("kubernetes", big)
    assert of_compose(big)


def expanded(argument):
    """What Kubernetes gives a container: $$ is $, and $(NAME) a variable's value."""
    return re.sub(r"\$\$|\$\(([^)]*)\)", lambda one: "$" if one[0] == "$$" else "a variable", argument)


@given(st.text())
@example("\N{GRINNING FACE} \x7f \u2028 $HOME ${x} \t: #")
@example("yes")
@example("12:30")
@example("a$$b $(SIOTOOL_LOADTEST_AUTH) $$(x) $")
def test_any_argument_reaches_the_container_as_it_was_typed(text):
    text = text.encode("utf-8", "replace").decode()
    deployed = msgspec.structs.replace(PLAIN, arguments=["loadtest", text])
    job = resources(deployed)["Job", "siotool-chat"]
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [expanded(one) for one in args] == ["loadtest", text]
    assert [one.replace("$$", "$") for one in of_compose(deployed)["services"]["run"]["command"]] == [
        "loadtest",
        text,
    ]


@given(st.text(max_size=100))
@example("_calibrate")
@example("x" * 99)
def test_a_name_is_one_that_kubernetes_takes(scenario):
    name = deployed_name(scenario)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
    assert len(f"{name}-workers-9999-xxxxx") <= 63
