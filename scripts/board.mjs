// Writes deploy/grafana/cim.json, the Grafana board, from the table below. `--check` only says whether the file is as it should be.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'deploy/grafana/cim.json';
const OF = '{instance=~"$instance"}';
const rate = (metric, by) => `sum by (${by}) (rate(${metric}${OF}[$__rate_interval]))`;
const quantile = (q, metric, by) =>
  `histogram_quantile(${q}, sum by (le, ${by}) (rate(${metric}_bucket${OF}[$__rate_interval])))`;

/** Rows of panels: title, unit of Grafana, then for each line its query and its legend. What is wrong comes first. */
const ROWS = {
  'Is it healthy?': [
    ['Alerts', 'short', ['sum by (alertname, severity) (ALERTS{alertstate="firing"})', '{{alertname}}']],
    ['Servers that do not answer', 'short', ['count(up{job="cim"} == 0) or vector(0)', 'down']],
    ['Store', 'short', [`min by (instance) (cim_store_ready${OF})`, '{{instance}}']],
    ['What keeps the store from its work', 'short', [`cim_store_problem${OF} > 0`, '{{instance}} {{kind}}']],
    [
      'ZooKeeper',
      'short',
      [`cim_registry_connected${OF}`, '{{instance}}'],
      [`cim_registry_problem${OF} == 1`, '{{instance}} problem'],
    ],
    ['Im-servers that a login can be placed on', 'short', [`cim_im_servers${OF}`, '{{instance}}']],
    [
      'Lease',
      's',
      [`cim_lease_certain_seconds${OF}`, '{{instance}} certain'],
      [`cim_lease_held${OF} == 0`, '{{instance}} not held'],
    ],
    ['Renewals of leases', 'ops', [rate('cim_lease_renewals_total', 'outcome'), '{{outcome}}']],
    [
      'Versions and stores',
      'short',
      [`count by (program, version) (cim_build_info${OF})`, '{{program}} {{version}}'],
      [`count by (engine, durability) (cim_store_info${OF})`, '{{engine}} {{durability}}'],
    ],
    [
      'Certificate ends in',
      's',
      [`cim_tls_certificate_expiry_timestamp_seconds${OF} - time()`, '{{instance}}'],
    ],
  ],
  Sending: [
    ['Sends', 'ops', [rate('cim_sends_total', 'door, outcome'), '{{door}} {{outcome}}']],
    ['Sends that are answered retry', 'percentunit', ['cim:sends_retry:ratio_rate5m', 'retry']],
    [
      'Time of a send',
      's',
      [quantile('0.5', 'cim_send_duration_seconds', 'door'), 'p50 {{door}}'],
      ['cim:send_duration_seconds:p99_rate5m', 'p99 {{door}}'],
    ],
    ['Appends', 'ops', [rate('cim_appends_total', 'stream, outcome'), '{{stream}} {{outcome}}']],
    [
      'Time of an append (p99)',
      's',
      ['cim:append_duration_seconds:p99_rate5m', '{{stream}}'],
      [quantile('0.5', 'cim_append_duration_seconds', 'stream'), 'p50 {{stream}}'],
    ],
    ['Errors of the store', 'ops', [rate('cim_store_errors_total', 'kind'), '{{kind}}']],
    [
      'Sends that wait for the store',
      'short',
      [`cim_sends_under_way${OF}`, '{{instance}}'],
      [`cim_sessions_held${OF}`, '{{instance}} sessions held'],
    ],
    ['Bytes of these', 'bytes', [`cim_sends_under_way_bytes${OF}`, '{{instance}}']],
    [
      'Messages to be sent later',
      'short',
      [`max(cim_scheduled_messages${OF})`, 'waiting'],
      [`max(cim_scheduled_due_messages${OF})`, 'due'],
    ],
    ['Oldest scheduled message that is late', 's', [`max(cim_scheduled_late_seconds${OF})`, 'late']],
  ],
  Delivering: [
    ['Deliveries', 'ops', [rate('cim_deliveries_total', 'wire, stream'), '{{wire}} {{stream}}']],
    [
      'From send to delivery',
      's',
      [quantile('0.5', 'cim_delivery_duration_seconds', 'stream'), 'p50 {{stream}}'],
      ['cim:delivery_duration_seconds:p99_rate5m', 'p99 {{stream}}'],
    ],
    [
      'From the store to the im-server of the recipient (p99)',
      's',
      [quantile('0.99', 'cim_arrival_duration_seconds', 'instance'), '{{instance}}'],
    ],
    ['Pushes', 'ops', [rate('cim_pushes_total', 'outcome'), '{{outcome}}']],
    ['Time of a push (p99)', 's', [quantile('0.99', 'cim_push_duration_seconds', 'outcome'), '{{outcome}}']],
    ['Calls about messages to groups', 'ops', [rate('cim_group_rings_total', 'outcome'), '{{outcome}}']],
    ['Subscriptions behind', 'short', [`cim_subscriptions_behind${OF}`, '{{instance}} {{stream}}']],
    ['Not acknowledged', 'short', [`cim_unacknowledged_entries${OF}`, '{{instance}} {{stream}}']],
    ['Bytes that the kernel has not taken', 'bytes', [`cim_outbox_bytes${OF}`, '{{instance}}']],
    ['Streams that sessions go on with', 'ops', [rate('cim_resumes_total', 'answer'), '{{answer}}']],
    ['Signals', 'ops', [rate('cim_signals_total', 'kind, outcome'), '{{kind}} {{outcome}}']],
    ['Groups followed', 'short', [`cim_groups_followed${OF}`, '{{instance}}']],
  ],
  'Clients and HTTP': [
    ['Sessions', 'short', [`cim_sessions${OF}`, '{{instance}} {{wire}}']],
    [
      'Connections',
      'short',
      [`cim_connections${OF}`, '{{instance}} {{state}}'],
      [`cim_connections_allowed${OF}`, '{{instance}} allowed'],
    ],
    ['Connections refused', 'ops', [rate('cim_connections_refused_total', 'limit'), '{{limit}}']],
    ['Channels closed', 'ops', [rate('cim_channels_closed_total', 'reason'), '{{reason}}']],
    ['Answers of the route', 'ops', [rate('cim_route_answers_total', 'path, code'), '{{path}} {{code}}']],
    ['Logins that are not carried out', 'percentunit', ['cim:logins_failed:ratio_rate5m', 'failed']],
    [
      'Time of an answer of the route (p99)',
      's',
      [quantile('0.99', 'cim_route_answer_duration_seconds', 'path'), '{{path}}'],
    ],
  ],
  Moderation: [
    ['Messages', 'ops', [rate('cim_moderated_total', 'by, outcome'), '{{by}} {{outcome}}']],
    [
      'Time of a question (p99)',
      's',
      [quantile('0.99', 'cim_moderation_duration_seconds', 'outcome'), '{{outcome}}'],
    ],
    [
      'What does not work',
      'short',
      [`cim_moderation_failing${OF}`, '{{instance}} moderation system'],
      [`cim_words_problem${OF}`, '{{instance}} file of words'],
    ],
    ['Sensitive words', 'short', [`cim_words${OF}`, '{{instance}}']],
    ['Messages that wait for a decision', 'short', [`max(cim_held_messages${OF})`, 'waiting']],
  ],
  Webhooks: [
    ['Webhooks', 'short', [`max by (state) (cim_webhooks${OF})`, '{{state}}']],
    ['Requests', 'ops', [rate('cim_webhook_requests_total', 'outcome'), '{{outcome}}']],
    [
      'Time of a request (p99)',
      's',
      [quantile('0.99', 'cim_webhook_request_duration_seconds', 'outcome'), '{{outcome}}'],
    ],
    ['Events', 'ops', [rate('cim_webhook_events_total', 'outcome'), '{{outcome}}']],
    ['Events that wait', 'short', [`cim_webhook_waiting_events${OF}`, '{{instance}} {{state}}']],
    ['Partitions of the feed that are read', 'short', [`cim_relay_partitions${OF}`, '{{instance}}']],
  ],
  Servers: [
    [
      'CPU',
      'percentunit',
      [`rate(process_cpu_seconds_total${OF}[$__rate_interval])`, '{{program}} {{instance}}'],
    ],
    ['Resident memory', 'bytes', [`process_resident_memory_bytes${OF}`, '{{program}} {{instance}}']],
    ['Resources in use', 'percentunit', [`cim_resource_used_ratio${OF}`, '{{instance}} {{resource}}']],
    [
      'Event loop late (p99)',
      's',
      ['cim:event_loop_delay_seconds:p99_rate5m', '{{instance}}'],
      [`cim_event_loop_held_seconds_max${OF}`, '{{instance}} held at most, since the start'],
    ],
    [
      'Calls to other servers',
      'ops',
      [rate('cim_rpc_calls_total', 'method, outcome'), '{{method}} {{outcome}}'],
    ],
    [
      'Time of a call (p99)',
      's',
      [quantile('0.99', 'cim_rpc_call_duration_seconds', 'method'), '{{method}}'],
    ],
    [
      'Ways to other servers',
      'short',
      [`cim_rpc_links${OF}`, '{{instance}} {{state}}'],
      [`cim_rpc_served_connections${OF}`, '{{instance}} served'],
    ],
    ['Calls that are not answered yet', 'short', [`cim_rpc_calls_under_way${OF}`, '{{instance}}']],
  ],
};

const datasource = { type: 'prometheus', uid: '${datasource}' };
const WIDTH = 6;
const HEIGHT = 7;

function board() {
  const panels = [];
  let y = 0;
  for (const [title, row] of Object.entries(ROWS)) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { h: 1, w: 24, x: 0, y },
      panels: [],
    });
    y++;
    for (const [i, [name, unit, ...lines]] of row.entries())
      panels.push({
        id: panels.length + 1,
        type: 'timeseries',
        title: name,
        datasource,
        gridPos: { h: HEIGHT, w: WIDTH, x: (i * WIDTH) % 24, y: y + Math.floor((i * WIDTH) / 24) * HEIGHT },
        fieldConfig: {
          defaults: { unit, min: 0, custom: { fillOpacity: 10, showPoints: 'never' } },
          overrides: [],
        },
        options: {
          legend: { displayMode: 'list', placement: 'bottom' },
          tooltip: { mode: 'multi', sort: 'desc' },
        },
        targets: lines.map(([expr, legendFormat], line) => ({
          refId: String.fromCharCode(65 + line),
          datasource,
          expr,
          legendFormat,
        })),
      });
    y += Math.ceil((row.length * WIDTH) / 24) * HEIGHT;
  }
  return {
    uid: 'cim',
    title: 'CIM',
    tags: ['cim'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' },
        {
          name: 'instance',
          type: 'query',
          label: 'Server',
          datasource,
          query: { query: 'label_values(cim_build_info, instance)', refId: 'instance' },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels,
  };
}

const text = `${JSON.stringify(board(), null, 1)}\n`;
if (process.argv[2] === '--check') {
  if (readFileSync(FILE, 'utf8') !== text) {
    console.error(`${FILE} is not as scripts/board.mjs makes it: npm run board`);
    process.exit(1);
  }
} else writeFileSync(FILE, text);
