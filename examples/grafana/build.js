'use strict';

// The dashboard of ralloc's metrics, made by Grafana's own builders:
//
//   node examples/grafana/build.js   writes dashboard.json, to be imported in Grafana (Dashboards, New, Import)

const fs = require('node:fs');
const path = require('node:path');
const {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
} = require('@grafana/grafana-foundation-sdk/dashboard');
const { DataqueryBuilder } = require('@grafana/grafana-foundation-sdk/prometheus');
const { VizLegendOptionsBuilder } = require('@grafana/grafana-foundation-sdk/common');
const { PanelBuilder } = require('@grafana/grafana-foundation-sdk/timeseries');

const FILE = path.join(__dirname, 'dashboard.json');
const SOURCE = { type: 'prometheus', uid: '$datasource' };
const WHERE = 'job=~"$job", instance=~"$instance"';
const WIDTH = 8; // of 24
const HEIGHT = 7;

const gauge = (name) => `ralloc_${name}{${WHERE}}`;
const rate = (name) => `rate(ralloc_${name}_total{${WHERE}}[$__rate_interval])`;
const by = (label, query) => `sum by (${label}) (${query})`;
const all = (query) => `sum(${query})`;

/**
 * Rows: [title, panels], and panels: [title, unit, { legend: query }].
 * @type {[string, [string, string, Record<string, string>][]][]}
 */
const ROWS = [
  [
    'Process',
    [
      [
        'Memory of the process',
        'bytes',
        {
          'in RAM {{instance}}': by('instance', gauge('process_resident_bytes')),
          'limit {{instance}}': by('instance', gauge('process_memory_limit_bytes')),
          'arenas, committed': all(gauge('depot_committed_bytes')),
        },
      ],
      ['Which memory it is', 'bytes', { '{{kind}}': by('kind', gauge('process_memory_bytes')) }],
      ['What waits', 'bytes', { '{{kind}}': by('kind', gauge('process_waiting_bytes')) }],
      [
        'Pressure (1 high, 2 critical)',
        'short',
        { '{{instance}}': by('instance', gauge('process_pressure_level')) },
      ],
      [
        'Bytes of Node',
        'Bps',
        {
          'freed at once': all(rate('node_released_bytes')),
          adopted: all(rate('node_adopted_bytes')),
          copied: all(rate('node_copied_bytes')),
          'left: {{reason}}': by('reason', rate('node_left_bytes')),
        },
      ],
    ],
  ],
  [
    'Budgets',
    [
      [
        'Used',
        'bytes',
        {
          '{{budget}}': by('budget', gauge('budget_used_bytes')),
          '{{budget}}, limit': by('budget', gauge('budget_limit_bytes')),
        },
      ],
      ['Waiting', 'short', { '{{budget}}': by('budget', gauge('budget_waiting')) }],
      [
        'Refused, timed out',
        'ops',
        {
          '{{budget}} refused': by('budget', rate('budget_refused')),
          '{{budget}} timed out': by('budget', rate('budget_timed_out')),
        },
      ],
    ],
  ],
  [
    'Requests and arenas',
    [
      [
        'Requests',
        'reqps',
        {
          '{{arena}}': by('arena', rate('arena_requests')),
          '{{arena}} aborted': by('arena', rate('arena_requests_aborted')),
        },
      ],
      ['In flight', 'short', { '{{arena}}': by('arena', gauge('arena_requests_in_flight')) }],
      [
        'Without arena memory',
        'ops',
        {
          '{{arena}} from the heap': by('arena', rate('arena_heap_requests')),
          '{{arena}} refused': by('arena', rate('arena_refused')),
          '{{arena}} late': by('arena', rate('arena_late_buffers')),
        },
      ],
      [
        'Memory of arenas',
        'bytes',
        {
          '{{arena}} leased': by('arena', gauge('arena_leased_bytes')),
          '{{arena}} warm': by('arena', gauge('arena_warm_bytes')),
          '{{arena}} limit': by('arena', gauge('arena_limit_bytes')),
        },
      ],
      [
        'Memory that waits',
        'bytes',
        {
          '{{arena}} held': by('arena', gauge('arena_held_bytes')),
          '{{arena}} quarantined': by('arena', gauge('arena_quarantined_bytes')),
        },
      ],
      ["The guard's operations", 'ops', { '{{kind}}': by('kind', rate('guard_operations')) }],
    ],
  ],
  [
    'Slabs',
    [
      [
        'Used',
        'bytes',
        {
          '{{slab}}': by('slab', gauge('slab_used_bytes')),
          '{{slab}}, limit': by('slab', gauge('slab_limit_bytes')),
        },
      ],
      ['Free slots', 'short', { '{{slab}}': by('slab', gauge('slab_free_slots')) }],
      [
        'Exhausted, promoted',
        'ops',
        {
          '{{slab}} exhausted': by('slab', rate('slab_exhausted')),
          '{{slab}} promoted': by('slab', rate('slab_promoted')),
        },
      ],
    ],
  ],
  [
    'Regions',
    [
      [
        'Used',
        'bytes',
        {
          '{{region}}': by('region', gauge('region_used_bytes')),
          '{{region}}, reserved': by('region', gauge('region_reserved_bytes')),
        },
      ],
      [
        'Fragmentation',
        'percentunit',
        { '{{region}}': `max by (region) (${gauge('region_fragmentation_ratio')})` },
      ],
      ['Got no memory', 'ops', { '{{region}}': by('region', rate('region_failed')) }],
    ],
  ],
];

/** @param {[string, string, Record<string, string>]} panel */
function panelOf([title, unit, queries]) {
  const panel = new PanelBuilder().title(title).unit(unit).datasource(SOURCE).min(0);
  for (const [legend, query] of Object.entries(queries))
    panel.withTarget(new DataqueryBuilder().expr(query).legendFormat(legend));
  panel.legend(new VizLegendOptionsBuilder().showLegend(true));
  return panel.span(WIDTH).height(HEIGHT);
}

const variable = (name, query) =>
  new QueryVariableBuilder(name)
    .datasource(SOURCE)
    .query(query)
    .multi(true)
    .includeAll(true)
    .refresh(VariableRefresh.OnTimeRangeChanged);

function build() {
  const dashboard = new DashboardBuilder('ralloc')
    .uid('ralloc')
    .tags(['ralloc'])
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .withVariable(new DatasourceVariableBuilder('datasource').type('prometheus'))
    .withVariable(variable('job', 'label_values(ralloc_build_info, job)'))
    .withVariable(variable('instance', 'label_values(ralloc_build_info{job=~"$job"}, instance)'));
  for (const [title, panels] of ROWS) {
    dashboard.withRow(new RowBuilder(title));
    for (const panel of panels) dashboard.withPanel(panelOf(panel));
  }
  return JSON.parse(JSON.stringify(dashboard.build()));
}

if (require.main === module) fs.writeFileSync(FILE, `${JSON.stringify(build(), null, 2)}\n`);

module.exports = { FILE, build };
