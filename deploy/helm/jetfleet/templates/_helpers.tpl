{{- define "jetfleet.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What a selector holds on to. Takes: dict "root" $ "component" name */}}
{{- define "jetfleet.selectorLabels" -}}
app.kubernetes.io/name: jetfleet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "jetfleet.labels" -}}
{{ include "jetfleet.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Text of a value. Numbers arrive as floating point, and 1048576 would print as 1.048576e+06. */}}
{{- define "jetfleet.text" -}}
{{- if kindIs "float64" . }}{{ if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* What every pod has. Takes: dict "root" $ "part" the settings of the pod */}}
{{- define "jetfleet.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if or .part.volumes .root.Values.nats.caSecret }}
volumes:
  {{- with .part.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .root.Values.nats.caSecret }}
  - name: nats-ca
    secret: { secretName: {{ . }} }
  {{- end }}
{{- end }}
{{- end -}}

{{/* What every container has, save its name, words and probes. Takes: dict "root" $ "part" its settings "role" its role at NATS */}}
{{- define "jetfleet.container" -}}
image: {{ printf "%s:%s" .root.Values.image.repository (.root.Values.image.tag | default .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
env:
  - { name: NATS_URL, value: {{ .root.Values.nats.url | quote }} }
  {{- with .root.Values.nats.passwordSecret }}
  - { name: NATS_USER, value: {{ $.role }} }
  - { name: NATS_INBOX_PREFIX, value: _INBOX_{{ $.role }} }
  - name: NATS_PASSWORD
    valueFrom: { secretKeyRef: { name: {{ . }}, key: {{ $.role }} } }
  {{- end }}
  {{- if .root.Values.nats.caSecret }}
  - { name: NATS_TLS_CA, value: /etc/nats-ca/ca.crt }
  {{- end }}
  {{- with .root.Values.queueNamespace }}
  - { name: JETFLEET_NAMESPACE, value: {{ . | quote }} }
  {{- end }}
  {{- if ne .root.Values.nats.sync "always" }}
  - { name: JETFLEET_SYNC, value: {{ .root.Values.nats.sync }} }
  {{- end }}
  {{- if eq .role "admin" }}
  - { name: JETFLEET_REPLICAS, value: {{ int .root.Values.nats.replicas | quote }} }
  {{- end }}
  {{- range $name, $value := merge dict (default dict .part.env) .root.Values.env }}
  - { name: {{ $name }}, value: {{ include "jetfleet.text" $value | quote }} }
  {{- end }}
  {{- range $name, $secret := .part.secretEnv }}
  {{- if $secret }}
  - name: {{ $name }}
    valueFrom: { secretKeyRef: { name: {{ $secret.name }}, key: {{ $secret.key }} } }
  {{- end }}
  {{- end }}
{{- if or .part.volumeMounts .root.Values.nats.caSecret }}
volumeMounts:
  {{- with .part.volumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if .root.Values.nats.caSecret }}
  - { name: nats-ca, mountPath: /etc/nats-ca, readOnly: true }
  {{- end }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
resources: {{- toYaml .part.resources | nindent 2 }}
{{- end -}}

{{/* Takes: dict "port" the name of a port "starts" how many tries of 2 seconds the start may take */}}
{{- define "jetfleet.probes" -}}
startupProbe:
  httpGet: { path: /livez, port: {{ .port }} }
  periodSeconds: 2
  failureThreshold: {{ .starts }}
# Not the broker: a restart does not bring it back.
livenessProbe:
  httpGet: { path: /livez, port: {{ .port }} }
  periodSeconds: 10
  failureThreshold: 3
readinessProbe:
  httpGet: { path: /readyz, port: {{ .port }} }
  periodSeconds: 5
{{- end -}}
