#!/usr/bin/env bash
# Holds docs/monitoring against Prometheus's own tool: the rules, what they do in a bad hour, and the dashboard's queries.
set -euo pipefail
cd "$(dirname "$0")/../docs/monitoring"

promtool check rules --lint-fatal alerts.yaml
promtool test rules alerts_test.yaml

# A dashboard's queries are rules as soon as Grafana has put values in the place of its variables.
queries=$(mktemp --suffix=.json)
trap 'rm -f "$queries"' EXIT
jq '{groups: [{name: "dashboard", rules: [
  .panels[] | select(.type != "row") | (.id | tostring) as $panel | .targets[]
  | {record: "checked", labels: {panel: $panel, query: .refId},
     expr: (.expr | gsub("\\$__rate_interval"; "5m") | gsub("\\$[a-z]+"; ".*"))}
]}]}' dashboard.json >"$queries"
promtool check rules --lint-fatal "$queries"
