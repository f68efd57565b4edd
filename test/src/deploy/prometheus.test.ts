import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../processes.ts';
import { readProjectFile, readYaml } from './deploy-files.ts';

interface Rule {
  alert?: string;
  record?: string;
  expr: string;
  annotations?: Record<string, string>;
}

const folder = 'deploy/prometheus';
const promtool = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    cwd: join(root, folder),
    encoding: 'utf8',
  });
  return { status, output: `${stdout}${stderr}` };
};
const hasPromtool = promtool('--version').status === 0;

async function readRules(file: string): Promise<Rule[]> {
  const { groups } = (await readYaml(`${folder}/${file}`)) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

// Debian's package `prometheus` has promtool; `.ci/run` installs it.
(hasPromtool ? test : test.skip)(
  'Prometheus accepts its configuration, and its rules do what their tests say',
  () => {
    expect(promtool('check', 'config', 'prometheus.yml')).toMatchObject({ status: 0 });
    expect(promtool('test', 'rules', 'alerts.test.yml')).toMatchObject({ status: 0 });
  },
);

test('every alert has one case that fires and one that stays quiet', async () => {
  const { tests } = (await readYaml(`${folder}/alerts.test.yml`)) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts?: object[] }[] }[];
  };
  const cases = tests.flatMap((one) => one.alert_rule_test);
  const withOutcome = (fires: boolean) => [
    ...new Set(
      cases.filter(({ exp_alerts = [] }) => exp_alerts.length > 0 === fires).map((one) => one.alertname),
    ),
  ];
  const alerts = (await readRules('alerts.yml')).map(({ alert }) => alert).sort();
  expect(withOutcome(true).sort()).toEqual(alerts);
  expect(withOutcome(false).sort()).toEqual(alerts);
});

test('every alert says what is wrong and names a section of the runbook that exists', async () => {
  const headings = [...(await readProjectFile('docs/operations.md')).matchAll(/^#+ (.*)$/gm)].map(
    ([, heading]) => String(heading).toLowerCase().replaceAll(' ', '-'),
  );
  for (const { alert, annotations = {} } of await readRules('alerts.yml')) {
    expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook_url', 'summary']);
    const section = annotations.runbook_url?.split('docs/operations.md#')[1];
    expect([alert, headings]).toEqual([alert, expect.arrayContaining([section])]);
  }
});
