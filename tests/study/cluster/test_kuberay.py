"""The RayJob and what it needs beside it."""

import jsonschema
import pytest
from cluster_files import asked, documents, text

from study.run import STUDIES

POD_GROUP = {
    "rayStartParams": {"type": "object", "additionalProperties": {"type": "string"}},
    "template": {"type": "object", "required": ["spec"]},
}
COUNT = {"type": "integer", "minimum": 0}
WORKER_GROUP = {
    **POD_GROUP,
    "groupName": {"type": "string"},
    "replicas": COUNT,
    "minReplicas": COUNT,
    "maxReplicas": COUNT,
}


def an_object(fields):
    """The schema of an object with these fields and no others."""
    return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}


RAY_JOB = an_object(
    {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "metadata": an_object({"name": {"type": "string"}}),
        "spec": an_object(
            {
                "entrypoint": {"type": "string"},
                "backoffLimit": COUNT,
                "shutdownAfterJobFinishes": {"type": "boolean"},
                "rayClusterSpec": an_object(
                    {
                        "rayVersion": {"type": "string"},
                        "authOptions": an_object({"mode": {"enum": ["disabled", "token"]}}),
                        "headGroupSpec": an_object(POD_GROUP),
                        "workerGroupSpecs": {"type": "array", "items": an_object(WORKER_GROUP)},
                    }
                ),
            }
        ),
    }
)
"""What the file may use of KubeRay's definition, by its reference of ray.io/v1."""


@pytest.fixture(scope="module")
def resources():
    """The documents of the file, by kind and name."""
    return {(one["kind"], one["metadata"]["name"]): one for one in documents("kuberay.yaml")}


@pytest.fixture(scope="module")
def job(resources):
    """What the RayJob specifies."""
    return resources["RayJob", "study"]["spec"]


@pytest.fixture(scope="module")
def groups(job):
    """Head and workers."""
    cluster = job["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_the_job_has_the_fields_of_its_definition_and_no_others(resources):
    jsonschema.validate(resources["RayJob", "study"], RAY_JOB)


def test_the_command_is_one_that_a_study_takes(resources, job):
    options = asked(job["entrypoint"])
    assert options.name in STUDIES
    assert options.address == "auto"
    assert options.gpus_per_trial, "the head, which asks, has no GPU"
    assert ("Service", options.tracking_uri.removeprefix("http://").partition(":")[0]) in resources


def test_results_data_and_ledger_lie_on_the_storage_of_all_nodes(resources, job, groups):
    options = asked(job["entrypoint"])
    for group in groups:
        pod = group["template"]["spec"]
        (volume,) = pod["volumes"]
        (mounted,) = pod["containers"][0]["volumeMounts"]
        assert mounted["name"] == volume["name"]
        claim = resources["PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]]
        assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
        places = [str(options.data), str(options.results), options.storage.removeprefix("journal://")]
        assert all(place.startswith(f"{mounted['mountPath']}/") for place in places)


def test_trials_run_on_the_gpus_of_workers(groups):
    head, *workers = (group["template"]["spec"]["containers"][0] for group in groups)
    assert "nvidia.com/gpu" not in head["resources"]["limits"]
    assert all(worker["resources"]["limits"]["nvidia.com/gpu"] for worker in workers)


def test_all_pods_have_one_image(resources, groups):
    pods = [*groups, resources["Deployment", "mlflow"]["spec"]]
    assert len({pod["template"]["spec"]["containers"][0]["image"] for pod in pods}) == 1


def test_ray_asks_for_a_token_that_stands_in_no_file(job):
    assert job["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert "TOKEN" not in text("kuberay.yaml")


def test_the_version_of_ray_is_the_one_that_is_installed(job):
    assert f"rayproject/ray:{job['rayClusterSpec']['rayVersion']}-" in text("Dockerfile")


def test_mlflow_is_reached_within_its_namespace_only(resources):
    labels = resources["Deployment", "mlflow"]["spec"]["template"]["metadata"]["labels"]
    policy = resources["NetworkPolicy", "mlflow"]["spec"]
    assert "type" not in resources["Service", "mlflow"]["spec"]  # ClusterIP
    assert resources["Service", "mlflow"]["spec"]["selector"] == labels
    assert policy["podSelector"]["matchLabels"] == labels
    assert policy["ingress"] == [{"from": [{"podSelector": {}}]}]
