"""What `helm/check.sh` asserts of the chart."""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import values_table
import yaml

CHART = pathlib.Path("helm/claviger")
HELM = {major: f"{os.environ['HELM']}/{major}/helm" for major in ("3", "4")}
KUBERNETES = ("1.29", "1.33", "1.37")
VALID = {
    "production": ["--set", "secrets.existingSecret=mine,image.tag=1.2.3"],
    "staging": ["--set", "secrets.existingSecret=mine,image.tag=1.2.3"],
    "development": [],
    "console": [
        "--set",
        "secrets.existingSecret=mine,console.publicUrl=https://console.example.com,"
        "console.environments.staging.apiUrl=http://api:3003,"
        "console.environments.staging.publicUrl=https://api.staging.example.com",
    ],
}
EVERYTHING = [
    "--set",
    "ingress.enabled=true,ingress.host=api.example.com,ingress.tlsSecret=tls,gateway.enabled=true,"
    "gateway.parentRefs[0].name=public,gateway.hostnames[0]=api.example.com,monitoring.serviceMonitor.enabled=true,"
    "monitoring.prometheusRule.enabled=true,monitoring.dashboard.enabled=true,api.from[0].podSelector.matchLabels.app=proxy,"
    "keys.from[0].podSelector.matchLabels.app=gateway,networkPolicy.monitoring[0].podSelector.matchLabels.app=prometheus",
]
SECRET_VALUES = re.compile(r"(token|pepper|password|secret|_key|url)", re.IGNORECASE)


def helm(major, *arguments):
    return subprocess.run([HELM[major], *arguments], capture_output=True, text=True, check=False)


def template(major, name, *more):
    return helm(major, "template", "demo", str(CHART), "--namespace", f"claviger-{name}", "-f", str(CHART / f"values-{name}.yaml"), *VALID[name], *more)


def manifests(name, *more, major="4"):
    answer = template(major, name, *more)
    assert answer.returncode == 0, answer.stderr
    return [document for document in yaml.safe_load_all(answer.stdout) if document]


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def pods(documents):
    for document in documents:
        if document["kind"] in ("Deployment", "Job"):
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]
        if document["kind"] == "Pod":
            yield document["metadata"]["name"], document["spec"]


class Chart(unittest.TestCase):
    def test_both_majors_lint_and_render_the_same(self):
        random = re.compile(r"^  (\S+): [A-Za-z0-9+/=]{40,}$", re.MULTILINE)
        for name, values in VALID.items():
            rendered = []
            for major in HELM:
                lint = helm(major, "lint", "--strict", str(CHART), "-f", str(CHART / f"values-{name}.yaml"), *values)
                self.assertEqual(lint.returncode, 0, lint.stdout + lint.stderr)
                text = random.sub(r"  \1: drawn", template(major, name, *EVERYTHING).stdout)
                rendered.append([document for document in yaml.safe_load_all(text) if document])
            self.assertEqual(*rendered, name)

    def test_kubernetes_knows_every_field(self):
        ours = {"ServiceMonitor", "PrometheusRule", "Cluster", "ExternalSecret", "HTTPRoute"}
        for name in VALID:
            documents = [document for document in manifests(name, *EVERYTHING) if document["kind"] not in ours]
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                yaml.safe_dump_all(documents, file)
                file.flush()
                for version in KUBERNETES:
                    program = pathlib.Path(os.environ["HELM"]) / "venv/bin/kubernetes-validate"
                    run = subprocess.run([program, "-k", version, "--strict", file.name], capture_output=True, text=True, check=False)
                    self.assertEqual(run.returncode, 0, f"{name}, Kubernetes {version}: {run.stdout}{run.stderr}")
                    self.assertNotIn("WARN", run.stdout + run.stderr)

    def test_unsafe_values_are_refused(self):
        for name, values, why in [
            ("production", "image.tag=latest", "tag"),
            ("production", "image.tag=1.2", "tag"),
            ("production", "secrets.generate=true", "/secrets/generate"),
            ("production", "redis.bundled.enabled=true", "/redis/bundled/enabled"),
            ("production", "database.bundled.enabled=true", "/database/bundled/enabled"),
            ("production", "networkPolicy.enabled=false", "/networkPolicy/enabled"),
            ("production", "secrets.existingSecret=", "secrets: name existingSecret"),
            ("staging", "secrets.peppers=null", "peppers"),
            ("staging", "secrets.peppers={}", "peppers"),
            ("staging", "secrets.peppers={a,a}", "peppers"),
            ("staging", "environment=qa", "/environment"),
            ("staging", "environment={staging,production}", "/environment"),
            ("staging", "environment=", "environment: say which one"),
            ("staging", "keys.config.environments.production.port=3005", "environments"),
            ("staging", "api.config.environment=production", "environment"),
            ("staging", "api.config.database.url=postgres://other", "database"),
            ("staging", "consoleServer.enabled=true,console.publicUrl=https://c.example.com,console.environments.staging.apiUrl=http://a,"
             "console.environments.staging.publicUrl=http://a", "a release of its own"),
            ("console", "environment=staging", "has none"),
            ("console", "console.publicUrl=", "publicUrl"),
            ("staging", "unknown=1", "unknown"),
            ("staging", "api.unknown=1", "unknown"),
        ]:
            for major in HELM:
                answer = template(major, name, "--set", values)
                self.assertNotEqual(answer.returncode, 0, f"{name} {values}")
                # Helm 3 writes a.b where Helm 4 writes /a/b.
                self.assertIn(why.lstrip("/").replace("/", "."), answer.stderr.replace("/", "."), f"{name} {values}")

    def test_pods_have_no_more_rights_than_they_need(self):
        for name in VALID:
            found = list(pods(manifests(name, *EVERYTHING)))
            self.assertTrue(found)
            for pod, spec in found:
                self.assertIs(spec["automountServiceAccountToken"], False, pod)
                self.assertIs(spec["securityContext"]["runAsNonRoot"], True, pod)
                self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"}, pod)
                for container in spec["containers"]:
                    security = container["securityContext"]
                    self.assertIs(security["readOnlyRootFilesystem"], True, pod)
                    self.assertIs(security["allowPrivilegeEscalation"], False, pod)
                    self.assertEqual(security["capabilities"], {"drop": ["ALL"]}, pod)
                    self.assertIn("memory", container["resources"]["limits"], pod)

    def test_secrets_stand_in_secrets_alone(self):
        for name in VALID:
            documents = manifests(name, *EVERYTHING)
            for document in of_kind(documents, "ConfigMap"):
                if "config.yaml" in document["data"]:
                    self.assertNotRegex(document["data"]["config.yaml"], r"(token|pepper|password|cursor_key|sealing_key)")
            for pod, spec in pods(documents):
                for variable in spec["containers"][0].get("env", []):
                    if SECRET_VALUES.search(variable["name"]) and "value" in variable and not variable["name"].endswith("__ID"):
                        self.assertIn("$(", variable["value"], f"{pod} {variable['name']}")

    def test_traffic_is_refused_unless_a_policy_allows_it(self):
        for name in ("production", "staging", "development"):
            policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(manifests(name, *EVERYTHING), "NetworkPolicy")}
            deny = policies["demo-claviger-default-deny"]
            self.assertEqual(deny["policyTypes"], ["Ingress", "Egress"])
            self.assertNotIn("ingress", deny)
            instance = {"app.kubernetes.io/name": "claviger", "app.kubernetes.io/instance": "demo"}
            verifying = [rule["from"] for rule in policies["demo-claviger-keys"]["ingress"] if rule["ports"][0]["port"] == 3004]
            api = {"podSelector": {"matchLabels": {**instance, "app.kubernetes.io/component": "api"}}}
            self.assertEqual(verifying, [[api, {"podSelector": {"matchLabels": {"app": "gateway"}}}]])
            # No peer names another namespace: what is not in this release's namespace is not reached by name.
            self.assertNotIn("namespaceSelector", json.dumps(policies))

    def test_alerts_and_dashboard_are_those_of_the_documentation(self):
        for file in ("alerts.yaml", "dashboard.json"):
            self.assertEqual((CHART / "files" / file).read_text(), pathlib.Path("docs/monitoring", file).read_text(), file)

    def test_every_value_is_documented(self):
        self.assertEqual((CHART / "README.md").read_text(), values_table.readme(), "run python3 helm/values_table.py")

    def test_the_program_takes_the_rendered_configuration(self):
        for name in VALID:
            documents = manifests(name)
            configs = {document["metadata"]["name"]: document["data"]["config.yaml"] for document in of_kind(documents, "ConfigMap") if "config.yaml" in document["data"]}
            for deployment in of_kind(documents, "Deployment"):
                container = deployment["spec"]["template"]["spec"]["containers"][0]
                if container["args"][0] == "serve":
                    with self.subTest(f"{name} {container['name']}"):
                        self.starts(container, configs[deployment["metadata"]["name"]])

    def starts(self, container, config):
        """It comes up and lives; it is not ready, for its stores are not there."""
        with tempfile.TemporaryDirectory() as folder:
            settings = yaml.safe_load(config)
            ports = free_ports(8)
            take_ports(settings, iter(ports))
            path = pathlib.Path(folder, "config.yaml")
            path.write_text(yaml.safe_dump(settings))
            arguments = [str(path) if part == "/etc/claviger/config.yaml" else part for part in container["args"]]
            environment = {variable["name"]: value_of(variable) for variable in container["env"]}
            process = subprocess.Popen([os.environ["CLAVIGER"], *arguments], env={**environment, "PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                url = f"http://127.0.0.1:{settings['server']['management_port']}/health/live"
                deadline = time.monotonic() + 60
                while not lives(url):
                    if process.poll() is not None or time.monotonic() > deadline:
                        process.kill()
                        self.fail(process.stdout.read()[-2000:])
                    time.sleep(0.05)
            finally:
                process.kill()
                process.communicate()


def value_of(variable):
    """What the cluster would put there; the stores are not asked, for nobody listens."""
    name = variable["name"]
    if "fieldRef" in variable.get("valueFrom", {}):
        return "127.0.0.1"
    if name.endswith("DATABASE__URL"):
        return "postgres://app:x@127.0.0.1:9/none"
    if name.endswith("REDIS__URL"):
        return "redis://127.0.0.1:9"
    if "value" in variable:
        return variable["value"]
    if name.endswith("TOKEN"):
        return name.lower().ljust(48, "x") + "0123456789"
    # 32 bytes in base64, no two the same.
    return (name[::-1].replace("_", "")[:20].ljust(43, "K")[:42] + "A=")


def take_ports(settings, ports):
    for key, value in settings.items():
        if isinstance(value, dict):
            take_ports(value, ports)
        elif key == "port" or key.endswith("_port"):
            settings[key] = next(ports)
        elif key == "host":
            settings[key] = "127.0.0.1"


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


def lives(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    unittest.main()
