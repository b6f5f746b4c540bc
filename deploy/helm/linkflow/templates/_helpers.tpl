{{- define "linkflow.labels" -}}
app.kubernetes.io/name: linkflow
app.kubernetes.io/part-of: linkflow
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "linkflow.image" -}}
{{- $root := index . 0 -}}
{{ with $root.Values.image.registry }}{{ . }}/{{ end }}linkflow/{{ index . 1 }}:{{ default $root.Chart.AppVersion $root.Values.image.tag }}
{{- end }}

{{- define "linkflow.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "linkflow.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Settings of a role over those of all: a list of the chart's root and a dictionary. */ -}}
{{- define "linkflow.env" -}}
{{- $root := index . 0 -}}
{{- $all := merge (dict) (index . 1) $root.Values.settings -}}
{{- if $root.Values.partitions.count }}{{ $_ := set $all "QUEUE_PARTITIONS" (toString $root.Values.partitions.count) }}{{ end -}}
{{- if $root.Values.redis.enabled }}{{ $_ := set $all "REDIS_URL" "redis://redis:6379" }}{{ end -}}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end }}

{{- define "linkflow.volumes" -}}
- name: data
  persistentVolumeClaim:
    claimName: {{ default "linkflow-data" .Values.data.existingClaim }}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- end }}

{{- define "linkflow.probes" -}}
# Nothing kills a role that is still making its way to its database.
startupProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /health/ready, port: http}
  initialDelaySeconds: 5
  periodSeconds: 10
  timeoutSeconds: 5
livenessProbe:
  httpGet: {path: /health/live, port: http}
  initialDelaySeconds: 15
  periodSeconds: 20
  timeoutSeconds: 5
{{- end }}

{{- /* A role as a Deployment: root, role, name of the Deployment, port, replicas, values, settings. */ -}}
{{- define "linkflow.role" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  labels:
    app: {{ .name }}
    {{- include "linkflow.labels" $root | nindent 4 }}
spec:
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      app: {{ .name }}
  template:
    metadata:
      labels:
        app: {{ .name }}
        linkflow/role: {{ .role }}
        {{- include "linkflow.labels" $root | nindent 8 }}
      {{- with $root.Values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: linkflow
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
      securityContext:
        {{- include "linkflow.podSecurity" $root | nindent 8 }}
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {app: {{ .name }}}}
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {app: {{ .name }}}}
      containers:
        - name: {{ .role }}
          image: {{ include "linkflow.image" (list $root .role) }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          ports:
            - {name: http, containerPort: {{ .port }}}
          envFrom:
            - secretRef: {name: {{ $root.Values.existingSecret }}}
          env:
            {{- include "linkflow.env" (list $root .settings) | nindent 12 }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          {{- include "linkflow.probes" $root | nindent 10 }}
          securityContext:
            {{- include "linkflow.containerSecurity" $root | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: tmp, mountPath: /tmp}
      volumes:
        {{- include "linkflow.volumes" $root | nindent 8 }}
{{- end }}

{{- define "linkflow.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels:
    {{- include "linkflow.labels" .root | nindent 4 }}
spec:
  {{- toYaml .budget | nindent 2 }}
  selector:
    matchLabels:
      app: {{ .name }}
{{- end }}

{{- define "linkflow.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels:
    app: {{ .name }}
    {{- include "linkflow.labels" .root | nindent 4 }}
spec:
  selector:
    app: {{ .name }}
  ports:
    - {name: http, port: {{ .port }}, targetPort: http}
{{- end }}
