{{- define "claviger.name" -}}
{{- if contains "claviger" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-claviger" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "claviger.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
{{ include "claviger.selector" . }}
{{- with .Values.environment }}
claviger.dev/environment: {{ . }}
{{- end }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "claviger.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "claviger.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "claviger.secret" -}}
{{ .Values.secrets.existingSecret | default (printf "%s-secrets" (include "claviger.name" .)) }}
{{- end }}

{{- define "claviger.postgres" -}}
{{ include "claviger.name" . }}-postgres
{{- end }}

{{- define "claviger.database" -}}
claviger_{{ .Values.environment | default "control" }}
{{- end }}

{{- /* The address of the database as the services' role, in the variable .variable. */ -}}
{{- define "claviger.env.database" -}}
{{- $root := .root -}}
{{- if $root.Values.database.bundled.enabled }}
- name: POSTGRES_APP_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "claviger.postgres" $root }}-app-role, key: password}}
- name: {{ .variable }}
  value: postgres://{{ $root.Values.database.appRole }}:$(POSTGRES_APP_PASSWORD)@{{ include "claviger.postgres" $root }}-rw:{{ $root.Values.database.port }}/{{ include "claviger.database" $root }}?sslmode=require
{{- else }}
- name: {{ .variable }}
  valueFrom: {secretKeyRef: {name: {{ include "claviger.secret" $root }}, key: database-url}}
{{- end }}
{{- end }}

{{- define "claviger.env.redis" -}}
{{- $root := .root -}}
{{- if $root.Values.redis.bundled.enabled }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "claviger.secret" $root }}, key: redis-password}}
- name: {{ .variable }}
  value: redis://:$(REDIS_PASSWORD)@{{ include "claviger.name" $root }}-redis:6379
{{- else }}
- name: {{ .variable }}
  valueFrom: {secretKeyRef: {name: {{ include "claviger.secret" $root }}, key: redis-url}}
{{- end }}
{{- end }}

{{- define "claviger.env.peppers" -}}
{{- $root := .root -}}
{{- $prefix := .prefix -}}
{{- range $at, $id := $root.Values.secrets.peppers }}
- name: {{ $prefix }}PEPPERS__{{ $at }}__ID
  value: {{ $id | quote }}
- name: {{ $prefix }}PEPPERS__{{ $at }}__VALUE
  valueFrom: {secretKeyRef: {name: {{ include "claviger.secret" $root }}, key: pepper-{{ $id }}}}
{{- end }}
{{- end }}

{{- define "claviger.env.secret" -}}
- name: {{ .variable }}
  valueFrom: {secretKeyRef: {name: {{ include "claviger.secret" .root }}, key: {{ .key }}}}
{{- end }}

{{- /* What no container of this chart goes without. */ -}}
{{- define "claviger.container.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "claviger.pod.security" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* Deployment, Service, ServiceAccount, ConfigMap, PodDisruptionBudget and HorizontalPodAutoscaler of one component:
       .root .component .values .command .ports .management .config .env */ -}}
{{- define "claviger.component" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- $name := printf "%s-%s" (include "claviger.name" $root) .component -}}
{{- $config := mergeOverwrite (deepCopy $values.config) .config -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels: {{- include "claviger.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  labels: {{- include "claviger.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
data:
  config.yaml: |
    {{- toYaml $config | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels: {{- include "claviger.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  selector: {{- include "claviger.selector" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
  {{- if not .port }}
  clusterIP: None
  {{- end }}
  ports:
    {{- if .port }}
    - {name: http, port: {{ .port }}, targetPort: http}
    {{- end }}
    - {name: management, port: {{ .management }}, targetPort: management}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels: {{- include "claviger.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if not $values.autoscaling.enabled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  selector:
    matchLabels: {{- include "claviger.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  template:
    metadata:
      labels: {{- include "claviger.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
      annotations:
        checksum/config: {{ toYaml $config | sha256sum }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets: {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext: {{- include "claviger.pod.security" $root | nindent 8 }}
      # A process finishes what it has begun within 10 s; the first seconds are for those who still send requests here.
      terminationGracePeriodSeconds: 30
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "claviger.selector" $root | nindent 14 }}
              app.kubernetes.io/component: {{ .component }}
      containers:
        - name: {{ .component }}
          image: {{ include "claviger.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [serve, {{ .component }}, --config, /etc/claviger/config.yaml]
          env:
            - name: CLAVIGER__SERVER__MANAGEMENT_HOST
              valueFrom: {fieldRef: {fieldPath: status.podIP}}
            {{- .env | nindent 12 }}
          ports:
            {{- if .port }}
            - {name: http, containerPort: {{ .port }}}
            {{- end }}
            - {name: management, containerPort: {{ .management }}}
          startupProbe:
            httpGet: {path: /health/live, port: management}
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /health/live, port: management}
            periodSeconds: 10
            failureThreshold: 3
          readinessProbe:
            httpGet: {path: /health/ready, port: management}
            periodSeconds: 2
            failureThreshold: 2
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext: {{- include "claviger.container.security" $root | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/claviger, readOnly: true}
      volumes:
        - name: config
          configMap: {name: {{ $name }}}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- if gt (int $values.replicas) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels: {{- include "claviger.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "claviger.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- if $values.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels: {{- include "claviger.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ $name }}}
  minReplicas: {{ $values.replicas }}
  maxReplicas: {{ $values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ $values.autoscaling.targetCPUUtilizationPercentage }}}
{{- end }}
{{- end }}

{{- /* Refuses what the schema cannot see. */ -}}
{{- define "claviger.check" -}}
{{- $ofEnvironment := or .Values.api.enabled .Values.keys.enabled .Values.worker.enabled -}}
{{- if and $ofEnvironment .Values.consoleServer.enabled -}}
{{- fail "consoleServer.enabled: the console is a release of its own. It holds credentials of no environment; turn api, keys and worker off in its release." -}}
{{- end -}}
{{- if and $ofEnvironment (not .Values.environment) -}}
{{- fail "environment: say which one this release is: production, staging or development." -}}
{{- end -}}
{{- if and .Values.consoleServer.enabled .Values.environment -}}
{{- fail "environment: a release of the console has none." -}}
{{- end -}}
{{- if not (or .Values.secrets.existingSecret .Values.secrets.external.enabled .Values.secrets.generate) -}}
{{- fail "secrets: name existingSecret, turn external.enabled on, or (for a trial) generate." -}}
{{- end -}}
{{- if and .Values.api.enabled (not .Values.keys.enabled) (not .Values.api.config.keys) -}}
{{- fail "api.config.keys.url: without the key service in this release the API has to be told where it is." -}}
{{- end -}}
{{- end }}
