"""Runs the shell steps of a composite action of GitHub as its runner does: environment, outputs, `if`, and the end of a failed step."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

action, matrix, options = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
document = yaml.safe_load(action.read_text())
values = {f"inputs.{name}": str(one.get("default", "")) for name, one in document["inputs"].items()}
values.update({"inputs.matrix": matrix, "inputs.options": options, "github.workspace": os.getcwd()})
summary = pathlib.Path(os.getcwd(), "summary.md")
failed, code = False, 0


def filled(text):
    return re.sub(r"\$\{\{\s*([^}]+?)\s*\}\}", lambda found: values.get(found[1], ""), str(text))


for step in document["runs"]["steps"]:
    is_always = step.get("if") == "always()"
    assert step.get("if") in (None, "always()"), step["if"]
    if "run" not in step or (failed and not is_always):
        continue
    with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as script:
        script.write(filled(step["run"]))
    outputs = pathlib.Path(tempfile.mkstemp()[1])
    environment = {**os.environ, "GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"}
    environment.update({name: filled(value) for name, value in step.get("env", {}).items()})
    assert step["shell"] == "bash", "a composite action names the shell of every step"
    ended = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", script.name], env=environment)
    for line in outputs.read_text().splitlines():
        name, value = line.split("=", 1)
        values[f"steps.{step['id']}.outputs.{name}"] = value
    print(f"step {step['name']}: {ended.returncode}", flush=True)
    if ended.returncode:
        failed, code = True, ended.returncode

print({name: filled(one["value"]) for name, one in document["outputs"].items()})
sys.exit(code)
