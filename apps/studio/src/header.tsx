import { computed } from '@preact/signals';
import { models, queueState } from './fleet.ts';
import { Icon } from './icon.tsx';
import { openKeyDialog } from './key-dialog.tsx';
import { linkTo, route, type View, views } from './route.ts';
import { apiKey, connection } from './service.ts';
import { unfinished } from './tasks.ts';
import { isDark, switchTheme, theme } from './theme.ts';

/** Where one is, where one can go, and how the service does. */
export function Header() {
  return (
    <header class="bar">
      <a class="brand" href={linkTo('create')}>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M5 14v4M10.5 9v14M16 5v22M21.5 10v12M27 14v4" />
        </svg>
        Studio
      </a>
      <nav aria-label="Views">
        {(Object.keys(views) as View[]).map((view) => (
          <NavLink key={view} view={view} />
        ))}
      </nav>
      <div class="bar-tools">
        <FleetState />
        <button
          type="button"
          class={`quiet-button ${apiKey.value ? 'is-on' : ''}`}
          aria-label={apiKey.value ? 'API key: set. Change it' : 'Enter an API key'}
          title="API key"
          onClick={openKeyDialog}
        >
          <Icon name="key" />
        </button>
        <ThemeButton />
      </div>
    </header>
  );
}

function NavLink({ view }: { view: View }) {
  const amount = view === 'now' ? unfinished.value.length : 0;
  return (
    <a href={linkTo(view)} aria-current={route.value.view === view ? 'page' : undefined}>
      {views[view]}
      {amount > 0 && (
        <span class="badge">
          {amount}
          <span class="unseen"> unfinished</span>
        </span>
      )}
    </a>
  );
}

function ThemeButton() {
  theme.value;
  const other = isDark() ? 'light' : 'dark';
  return (
    <button
      type="button"
      class="quiet-button"
      aria-label={`Switch to ${other} colours`}
      title={`Switch to ${other} colours`}
      onClick={switchTheme}
    >
      <Icon name={isDark() ? 'sun' : 'moon'} />
    </button>
  );
}

const fleetState = computed<{ tone: string; text: string }>(() => {
  if (connection.value === 'away') return { tone: 'bad', text: 'Away' };
  if (connection.value === 'locked') return { tone: 'warn', text: 'Locked' };
  if (models.value === undefined || queueState.value === undefined)
    return { tone: 'plain', text: 'Connecting' };
  const workers = Math.max(0, ...models.value.models.map((model) => model.workers));
  if (workers === 0) return { tone: 'warn', text: 'No workers' };
  const { waiting, processing } = queueState.value;
  if (waiting + processing === 0) return { tone: 'good', text: 'Idle' };
  return { tone: 'good', text: `${processing} running, ${waiting} waiting` };
});

function FleetState() {
  const { tone, text } = fleetState.value;
  return (
    <span class="fleet-state">
      <span class={`dot dot-${tone}`} />
      <span class="unseen">The service: </span>
      {text}
    </span>
  );
}
