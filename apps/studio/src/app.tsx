import { effect, signal } from '@preact/signals';
import type { FunctionComponent } from 'preact';
import { useEffect } from 'preact/hooks';
import { announcement } from './announce.ts';
import { CreateView } from './create/create-view.tsx';
import { Header } from './header.tsx';
import { Icon } from './icon.tsx';
import { KeyDialog, openKeyDialog } from './key-dialog.tsx';
import { CompareView } from './library/compare-view.tsx';
import { LibraryView } from './library/library-view.tsx';
import { TakeView } from './library/take-view.tsx';
import { Failure, Notice } from './notice.tsx';
import { LiveBar } from './now/live-bar.tsx';
import { NowView } from './now/now-view.tsx';
import { route, type View } from './route.ts';
import { apiKey, connection } from './service.ts';
import { isLoaded, unfinished } from './tasks.ts';
import { count } from './words.ts';

const screens: Record<View, FunctionComponent> = {
  create: CreateView,
  now: NowView,
  library: Library,
  operate: Operate,
};

function Library() {
  const [first, second] = route.value.ids;
  if (first === undefined) return <LibraryView />;
  return second === undefined ? <TakeView key={first} id={first} /> : <CompareView ids={[first, second]} />;
}

const operateView = signal<FunctionComponent | undefined>(undefined);
const operateError = signal<unknown>(undefined);

/** Few people operate: the charts are loaded when someone does. */
function Operate() {
  useEffect(() => {
    import('./operate/operate-view.tsx').then(
      ({ OperateView }) => {
        operateView.value = OperateView;
      },
      () => {
        operateError.value = new Error(
          'This view could not be loaded: the page may be older than the service.',
        );
      },
    );
  }, []);
  const { value: View } = operateView;
  return View ? <View /> : <Failure error={operateError.value} />;
}

export function App() {
  const { view } = route.value;
  const Screen = screens[view];
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <Header />
      <main id="main" tabIndex={-1}>
        <ConnectionNotice />
        <Screen />
      </main>
      <LiveBar />
      <KeyDialog />
      <div class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </div>
    </>
  );
}

function ConnectionNotice() {
  if (connection.value === 'away') {
    return (
      <Notice tone="bad">
        <p>
          <strong>The service does not answer.</strong> What you typed is kept, and tasks that were accepted
          are not lost. The page goes on by itself as soon as it answers.
        </p>
      </Notice>
    );
  }
  if (connection.value !== 'locked') return null;
  const refused = apiKey.value !== '';
  return (
    <Notice tone="warn">
      <p>
        <strong>
          {refused ? 'The service does not know this API key.' : 'This service asks for an API key.'}
        </strong>{' '}
        {refused ? 'It may have been revoked, or mistyped.' : 'Whoever runs it can give you one.'}
      </p>
      <button type="button" class="button" onClick={openKeyDialog}>
        <Icon name="key" />
        Enter a key
      </button>
    </Notice>
  );
}

effect(() => {
  const running = unfinished.value.find(({ status }) => status === 'processing');
  const percent = running?.progress ? `${Math.floor(running.progress.ratio * 100)} % · ` : '';
  const waiting = percent === '' && isLoaded.value && unfinished.value.length > 0;
  document.title = `${percent || (waiting ? `${count(unfinished.value.length, 'task')} · ` : '')}Studio`;
});
