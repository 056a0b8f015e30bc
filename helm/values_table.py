"""The table of values in the chart's README, made of the comments in values.yaml.

usage: python3 helm/values_table.py, which writes it; `helm/check.sh` compares.
"""

import pathlib
import re

CHART = pathlib.Path(__file__).parent / "claviger"
BEGIN, END = "<!-- values -->\n", "<!-- /values -->\n"
# Said of every component, and once here.
COMMON = {
    "enabled": "Whether it is on.",
    "replicas": "How many replicas, or the fewest with `autoscaling`.",
    "autoscaling": "A HorizontalPodAutoscaler by CPU.",
    "resources": "Resources of the container.",
    "nodeSelector": "As in a pod.",
    "tolerations": "As in a pod.",
    "affinity": "As in a pod.",
    "podAnnotations": "Annotations of the pods.",
    "host": "The host name.",
    "className": "The IngressClass.",
    "annotations": "Annotations of the Ingress.",
    "hostnames": "The host names of the route.",
}


def table():
    rows, names, about = ["| value | default | what it is |", "| --- | --- | --- |"], [], None
    for line in (CHART / "values.yaml").read_text().splitlines():
        if comment := re.match(r" *# -- (.*)", line):
            about = comment[1]
        elif value := re.match(r"( *)(\w+):(.*)", line):
            names = [*names[: len(value[1]) // 2], value[2]]
            default = value[3].strip()
            if about or default:
                text = (about or COMMON[value[2]]).replace("|", "\\|")
                rows.append(f"| `{'.'.join(names)}` | {f'`{default}`' if default else ''} | {text} |")
            about = None
    return "\n".join(rows) + "\n"


def readme():
    text = (CHART / "README.md").read_text()
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme())
