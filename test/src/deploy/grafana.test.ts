import { readProjectFile } from './deploy-files.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { uid: string };
  targets?: { expr: string; datasource: { uid: string } }[];
}

interface Dashboard {
  uid: string;
  id?: number;
  templating: { list: { name: string; type: string }[] };
  panels: Panel[];
}

const readDashboard = async (): Promise<Dashboard> =>
  JSON.parse(await readProjectFile('deploy/grafana/dashboards/musicgen.json'));

function overlap(a: Panel, b: Panel): boolean {
  const [p, q] = [a.gridPos, b.gridPos];
  return p.x < q.x + q.w && q.x < p.x + p.w && p.y < q.y + q.h && q.y < p.y + p.h;
}

test('the dashboard can be imported anywhere: no id, and no data source of a certain Grafana', async () => {
  const dashboard = await readDashboard();
  expect(dashboard.id).toBeUndefined();
  expect(dashboard.templating.list[0]).toMatchObject({ name: 'datasource', type: 'datasource' });
  for (const { datasource, targets = [] } of dashboard.panels.filter(({ type }) => type !== 'row'))
    for (const { uid } of [datasource, ...targets.map((target) => target.datasource)].filter(
      (one) => one !== undefined,
    ))
      expect(uid).toMatch(/^\$\{datasource\}$/);
});

test('no two panels overlap, leave the grid or share an id', async () => {
  const { panels } = await readDashboard();
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const [index, panel] of panels.entries()) {
    expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
    const hit = panels.slice(index + 1).find((other) => overlap(panel, other));
    expect([panel.title, hit?.title]).toEqual([panel.title, undefined]);
  }
});
