"""The containers of one machine, and the image."""

import re
import shlex

import pytest
from cluster_files import FOLDER, asked, documents, text

from study.records.ledger_storage import LEDGERS
from study.run import STUDIES

ROOT = FOLDER.parents[1]


@pytest.fixture(scope="module")
def composed():
    """What the file asks for."""
    (document,) = documents("compose.yaml")
    return document


@pytest.fixture(scope="module")
def services(composed):
    """Its services."""
    return composed["services"]


def test_every_service_has_an_image_and_every_volume_a_name(composed, services):
    assert composed.keys() == {"name", "services", "volumes"}
    assert all(service["image"] for service in services.values())
    used = {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]}
    assert used == composed["volumes"].keys()


def test_all_that_is_waited_for_says_when_it_is_there(services):
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert services[name]["healthcheck"]["test"]


def test_the_command_is_one_that_a_study_takes(services):
    options = asked(services["worker"]["command"][-1])
    assert options.name in STUDIES
    assert options.address == "auto"
    assert options.storage.partition("://")[0] in LEDGERS
    assert re.fullmatch(r"postgresql://study@(\w+)/study", options.storage).group(1) in services
    assert re.fullmatch(r"http://(\w+):5000", options.tracking_uri).group(1) in services


def test_the_study_begins_when_both_nodes_are_there_and_its_exit_code_is_that_of_its_container(services):
    join, _, study = services["worker"]["command"][-1].partition(" && ")
    assert shlex.split(services["head"]["command"])[:5] == ["ray", "start", "--head", "--port", "6379"]
    assert join.startswith("ray start --address head:6379 ")
    assert study.startswith("exec python -m study.run ")
    assert services["worker"]["depends_on"].keys() == services.keys() - {"worker"}
    assert "--exit-code-from worker" in text("compose.yaml")


def test_secrets_come_from_the_environment_and_are_missed_where_they_are_not_set(services):
    secrets = [
        value
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if re.search("TOKEN|PASSWORD", name)
    ]
    assert len(secrets) == 5
    assert all(re.fullmatch(r"\$\{\w+:\?\}", value) for value in secrets)


def test_ray_asks_for_a_token(services):
    assert services["head"]["environment"]["RAY_AUTH_MODE"] == "token"


def test_nothing_is_published_beyond_this_machine(services):
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:5000:5000"]


def test_mlflow_answers_to_the_names_by_which_it_is_called(services):
    words = shlex.split(services["mlflow"]["command"])
    hosts = words[words.index("--allowed-hosts") + 1].split(",")
    assert {"mlflow:5000", "127.0.0.1:5000"} <= set(hosts)


def test_one_process_of_mlflow_answers(services):
    """More are watched by their parent, which ends those that answer late: on a busy machine all of them."""
    words = shlex.split(services["mlflow"]["command"])
    assert words[words.index("--workers") + 1] == "1"


def test_what_ends_on_a_signal_only_as_a_child_is_none_of_the_first_process(services):
    assert all(service.get("init") for name, service in services.items() if name != "postgres")


def test_the_head_is_asked_until_it_answers_and_anew_at_every_start(services):
    """/dev/shm is empty when a container starts again, and its other folders are as they were."""
    known, _, question = services["head"]["healthcheck"]["test"].partition(" || ")
    marker = re.fullmatch(r"test -e (/dev/shm/\w+)", known).group(1)
    assert question == f"(ray status --address head:6379 && touch {marker})"


def test_the_folder_of_the_build_belongs_to_who_builds_in_it():
    """WORKDIR makes a folder of root's, in which pip cannot build."""
    lines = text("Dockerfile").splitlines()
    (first, second) = (line.split()[-1] for line in lines if line.startswith("WORKDIR"))
    assert lines.index(f"RUN mkdir {first}") < lines.index(f"WORKDIR {first}")
    assert second == "/shared"


def test_the_image_holds_what_is_copied_into_it():
    copied = re.findall(r"^COPY --chown=ray:users (.+) \S+$", text("Dockerfile"), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert {"pyproject.toml", "requirements.txt", "study", "trainables", "search_spaces"} <= set(names)
    assert all((ROOT / name).exists() for name in names)


def test_the_image_has_the_ray_that_is_pinned():
    (version,) = re.findall(r"^FROM rayproject/ray:([\d.]+)-", text("Dockerfile"), re.MULTILINE)
    assert f"ray=={version}" in (ROOT / "requirements.txt").read_text().splitlines()


def test_the_build_begins_in_the_clone(services):
    build = services["head"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]) == FOLDER / "Dockerfile"
