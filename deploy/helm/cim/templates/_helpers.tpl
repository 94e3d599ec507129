{{- define "cim.labels" -}}
app.kubernetes.io/name: cim
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* Of one kind of server: (list . "route"). */ -}}
{{- define "cim.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: cim
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "cim.secretName" -}}
{{- if .Values.auth.secretName }}{{ .Values.auth.secretName }}
{{- else if .Values.auth.clusterSecret }}{{ .Release.Name }}-cim
{{- else }}{{ fail "auth.secretName, or auth.clusterSecret of 32 characters or more, must be set" }}
{{- end }}
{{- end }}


{{- define "cim.scheme" -}}
{{- if .Values.tls.secretName }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{- /* The environment of a server: (list . "im-server" .Values.imServer). What the values set wins. */ -}}
{{- define "cim.env" -}}
{{- $root := index . 0 -}}
{{- $program := index . 1 -}}
{{- $own := index . 2 -}}
{{- $env := dict "CIM_HOST" "0.0.0.0" "CIM_INTERNAL_HOST" "0.0.0.0" "CIM_REDIS_URL" $root.Values.redis.url "CIM_DURABILITY" $root.Values.redis.durability -}}
{{- if $root.Values.tls.secretName -}}
{{- $_ := set $env "CIM_TLS_CERT" "/etc/cim/tls/tls.crt" -}}
{{- $_ := set $env "CIM_TLS_KEY" "/etc/cim/tls/tls.key" -}}
{{- else -}}
{{- $_ := set $env "CIM_INSECURE" "true" -}}
{{- end -}}
{{- if ne $program "relay" -}}
{{- $_ := set $env "CIM_ZK" $root.Values.zookeeper -}}
{{- $_ := set $env "CIM_SESSION_POLICY" $root.Values.sessionPolicy -}}
{{- $_ := set $env "CIM_TRUSTED_PROXIES" ($root.Values.trustedProxies | default "none") -}}
{{- end -}}
{{- if eq $program "route" -}}
{{- $_ := set $env "CIM_AUTH" $root.Values.auth.mode -}}
{{- $_ := set $env "CIM_WEB" (toString $root.Values.web) -}}
{{- if $root.Values.advertiseUrl -}}{{- $_ := set $env "CIM_ADVERTISE_URL" $root.Values.advertiseUrl -}}{{- end -}}
{{- end -}}
{{- $env = mergeOverwrite $env $root.Values.settings $own.settings -}}
{{- range $name, $value := $env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- if eq $program "im-server" }}
# Clients without a shared address and the other servers come to the Pod itself.
- name: CIM_ADVERTISE_HOST
  valueFrom: { fieldRef: { fieldPath: status.podIP } }
{{- end }}
{{- if ne $program "relay" }}
- name: CIM_CLUSTER_SECRET
  valueFrom: { secretKeyRef: { name: {{ include "cim.secretName" $root }}, key: cluster-secret } }
{{- end }}
{{- if eq $program "route" }}
- name: CIM_ADMIN_TOKEN
  valueFrom: { secretKeyRef: { name: {{ include "cim.secretName" $root }}, key: admin-token, optional: true } }
{{- end }}
- name: CIM_REDIS_PASSWORD
  valueFrom: { secretKeyRef: { name: {{ include "cim.secretName" $root }}, key: redis-password, optional: true } }
{{- end }}

{{- /* The Pod of a server: (list . "im-server" .Values.imServer (dict "client" 11211 "internal" 8081)). */ -}}
{{- define "cim.pod" -}}
{{- $root := index . 0 -}}
{{- $program := index . 1 -}}
{{- $own := index . 2 -}}
{{- $ports := index . 3 -}}
metadata:
  labels:
    {{- include "cim.selector" (list $root $program) | nindent 4 }}
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ $ports.internal | quote }}
    prometheus.io/scheme: {{ include "cim.scheme" $root | lower }}
spec:
  terminationGracePeriodSeconds: {{ $root.Values.terminationGracePeriodSeconds }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    seccompProfile: { type: RuntimeDefault }
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "cim.selector" (list $root $program) | nindent 10 }}
  containers:
    - name: {{ $program }}
      image: "{{ $root.Values.image.repository }}:{{ $root.Values.image.tag | default $root.Chart.AppVersion }}"
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [{{ $program }}]
      env:
        {{- include "cim.env" (list $root $program $own) | trim | nindent 8 }}
      ports:
        {{- range $name, $port := $ports }}
        - { name: {{ $name }}, containerPort: {{ $port }} }
        {{- end }}
      readinessProbe:
        httpGet: { path: /readyz, port: internal, scheme: {{ include "cim.scheme" $root }} }
        periodSeconds: 3
        timeoutSeconds: 3
      # A store that is away is no reason to restart a server: only one that does not answer at all is restarted.
      livenessProbe:
        httpGet: { path: /healthz, port: internal, scheme: {{ include "cim.scheme" $root }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      lifecycle:
        preStop:
          exec: { command: [sleep, {{ $root.Values.preStopSeconds | quote }}] }
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- if $root.Values.tls.secretName }}
        - { name: tls, mountPath: /etc/cim/tls, readOnly: true }
        {{- end }}
  volumes:
    - { name: tmp, emptyDir: {} }
    {{- if $root.Values.tls.secretName }}
    - { name: tls, secret: { secretName: {{ $root.Values.tls.secretName }}, defaultMode: 0440 } }
    {{- end }}
{{- end }}
