// The types that Grafana publishes for its dashboards, as JSON holds them: what is an enumeration there is one of its values
// here. Each dashboard is checked against them by `make dashboards-schema`; a key that Grafana does not know is a mistake.
import type { AnnotationQuery, Dashboard, DashboardLink, FieldConfig, FieldConfigSource, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Plain<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T;

// What Grafana writes for Prometheus, and for its own annotations, is not among the published types.
interface Query {
  refId: string;
  datasource: { type: 'prometheus'; uid: string };
  expr: string;
  legendFormat?: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  range: boolean;
  exemplar?: boolean;
}

type Annotation = Omit<AnnotationQuery, 'target'> & {
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  useValueForTime?: boolean;
  target?: { type: 'tags'; tags: string[]; matchAny: boolean; limit: number };
};

type Variable = VariableModel & { definition?: string };

// Links of panels are data links, of which these are the keys.
type PanelLink = Pick<DashboardLink, 'title' | 'url' | 'targetBlank'>;

type Of<Type extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'links'> & {
  type: Type;
  options: Partial<Options>;
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfig, 'custom'> & { custom?: Partial<Custom> } };
  targets: Query[];
  links?: PanelLink[];
};

type AnyPanel =
  | Of<'heatmap', Heatmap.Options, Heatmap.FieldConfig>
  | Of<'stat', Stat.Options, unknown>
  | Of<'state-timeline', Timeline.Options, Timeline.FieldConfig>
  | Of<'table', Table.Options, Table.FieldConfig>
  | Of<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | Omit<RowPanel, 'panels'>;

type Replaced = 'annotations' | 'panels' | 'templating';

export type Published = Plain<
  Omit<Dashboard, Replaced> & { annotations: { list: Annotation[] }; panels: AnyPanel[]; templating: { list: Variable[] } }
>;
