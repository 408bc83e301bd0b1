"""The module of tests/aws/terraform with the real Terraform and AWS's own provider: applied, planned, changed and destroyed."""

import glob
import os
import shutil
import subprocess
import tempfile

from harness import KEY_ID, REGION, SECRET, Backend, client, request, same

PROVIDER = "registry.terraform.io/hashicorp/aws/5.100.0"
# Where a copy of the provider may be: the tests download nothing.
MIRRORS = ("/opt/tf-plugins", "/usr/share/terraform/plugins", "~/.terraform.d/plugins")
MODULE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "terraform")
CONFIGURATION = """
disable_checkpoint = true
provider_installation {
  filesystem_mirror {
    path    = "%s"
    include = ["*/*/*"]
  }
}
"""


def mirror():
    """A directory that has the provider, packed or unpacked."""
    named = os.environ.get("RINGWAY_TERRAFORM_MIRROR")
    for directory in [named] if named else map(os.path.expanduser, MIRRORS):
        kind, version = os.path.split(PROVIDER)
        packed = os.path.join(directory, kind, f"terraform-provider-aws_{version}_*.zip")
        if os.path.isdir(os.path.join(directory, PROVIDER)) or glob.glob(packed):
            return directory
    return None


def missing():
    """Why this cannot be run; `None` where it can."""
    if shutil.which("terraform") is None:
        return "terraform is not on the path"
    if mirror() is None:
        return f"no mirror has {PROVIDER}: name one in RINGWAY_TERRAFORM_MIRROR"
    return None


class Terraform:
    """A working directory of its own, with a copy of the module."""

    def __init__(self, backend):
        self.scratch = tempfile.TemporaryDirectory()
        self.directory = os.path.join(self.scratch.name, "module")
        shutil.copytree(MODULE, self.directory, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        configuration = os.path.join(self.scratch.name, "terraform.rc")
        with open(configuration, "w") as file:
            file.write(CONFIGURATION % mirror())
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        self.environment = {
            **kept,
            "TF_CLI_CONFIG_FILE": configuration,
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_control_plane": os.environ["RINGWAY_CONTROL_PLANE"],
            "TF_VAR_backend": backend.url.removeprefix("http://"),
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def run(self, *arguments, expected=0):
        command = ["terraform", *arguments]
        done = subprocess.run(command, cwd=self.directory, env=self.environment, capture_output=True, text=True, timeout=300)
        said = done.stdout + done.stderr
        assert done.returncode == expected, f"{' '.join(command)} ends with {done.returncode}:\n{said}"
        return said

    def apply(self, *arguments):
        return self.run("apply", "-no-color", "-input=false", "-auto-approve", *arguments)

    def nothing_to_do(self, *arguments):
        """A plan with changes ends with 2."""
        self.run("plan", "-no-color", "-input=false", "-detailed-exitcode", *arguments)


def test_a_module_is_applied_changed_and_destroyed():
    why_not = missing()
    if why_not:
        print(f"SKIPPED: {why_not}")
        return
    aws, backend = client(), Backend()
    terraform = Terraform(backend)
    terraform.run("init", "-no-color", "-input=false")
    said = terraform.apply()
    assert "Apply complete! Resources: 55 added, 0 changed, 0 destroyed." in said, said
    terraform.nothing_to_do()
    api = terraform.run("output", "-raw", "api_id").strip()
    same([item["id"] for item in aws.get_rest_apis()["items"]], [api])
    check_served(api, backend, "hello")

    before = aws.get_stage(restApiId=api, stageName="prod")
    said = terraform.apply("-var", "greeting=ciao")
    assert "Apply complete!" in said, said
    terraform.nothing_to_do("-var", "greeting=ciao")
    after = aws.get_stage(restApiId=api, stageName="prod")
    # The stages stay, and lead to new deployments.
    same(after["createdDate"], before["createdDate"])
    assert after["deploymentId"] != before["deploymentId"], after
    same(len(aws.get_deployments(restApiId=api)["items"]), 2)
    check_served(api, backend, "ciao")

    said = terraform.run("destroy", "-no-color", "-input=false", "-auto-approve")
    assert "Destroy complete! Resources: 55 destroyed." in said, said
    for operation in ("rest_apis", "api_keys", "usage_plans", "domain_names", "client_certificates", "vpc_links"):
        same(getattr(aws, f"get_{operation}")()["items"], [])
    same(visit(f"{api}.execute-api.{REGION}.amazonaws.com", "/prod/health").status, 403)


def visit(host, target, method="GET", body=None):
    headers = {"Host": host, **({"Content-Type": "application/json"} if body else {})}
    return request(os.environ["RINGWAY_GATEWAY"] + target, method, headers, body)


def check_served(api, backend, greeting):
    """What the module describes, as callers see it."""
    host = f"{api}.execute-api.{REGION}.amazonaws.com"
    # All of prod's requests go to its canary, which has a variable of its own.
    same(visit(host, "/prod/health").json(), {"greeting": greeting, "stage": "canary"})
    same(visit(host, "/dev/health").json(), {"greeting": greeting, "stage": "dev"})

    listed = visit(host, "/dev/pets?page=2")
    same((listed.status, backend.requests[-1]["target"]), (200, "/list?p=2"))
    same(backend.requests[-1]["headers"]["x-stage"], "dev")
    without_page = visit(host, "/dev/pets")
    same((without_page.status, without_page.json()),
         (400, {"message": "Missing required request parameters: [page]"}))

    created = visit(host, "/dev/pets", "POST", '{"name":"Rex","price":3}')
    same((created.status, list(created.json())), (201, ["created"]))
    same((backend.requests[-1]["target"], backend.requests[-1]["body"]), ("/create", '{"title":"Rex","cents":3}'))
    seen = len(backend.requests)
    refused = visit(host, "/dev/pets", "POST", '{"name":"Rex","price":-1}')
    same((refused.status, refused.json()), (422, {"problem": "Invalid request body"}))
    same(len(backend.requests), seen)

    same((visit(host, "/dev/pets/7").status, backend.requests[-1]["target"]), (200, "/get/7"))
    same((visit(host, "/dev/a/b", "PUT", "{}").status, backend.requests[-1]["target"]), (200, "/any/a/b"))
    same(backend.requests[-1]["method"], "PUT")
    nothing = visit(host, "/dev/pets", "DELETE")
    same((nothing.status, nothing.headers["x-reason"]), (404, "no such method"))

    # By a name of its own: the root is prod, /dev is dev.
    same(visit("shop.example.com", "/health").json(), {"greeting": greeting, "stage": "canary"})
    same(visit("shop.example.com", "/dev/health").json(), {"greeting": greeting, "stage": "dev"})
