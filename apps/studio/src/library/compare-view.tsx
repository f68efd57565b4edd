import type { Task } from '@musicgen/client';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Icon } from '../icon.tsx';
import { audioAddress } from '../media.ts';
import { Failure, Notice } from '../notice.tsx';
import { linkTo } from '../route.ts';
import { shortened } from '../words.ts';
import { factsOf } from './take.tsx';
import { type Player, usePlayer } from './use-player.ts';
import { useTask } from './use-task.ts';
import { Waveform } from './waveform.tsx';

/** Two takes at the same place: switching between them keeps the time, so that the ear hears only the difference. */
export function CompareView({ ids: [first, second] }: { ids: [string, string] }) {
  const found = [useTask(first), useTask(second)];
  const [a, b] = found.map(({ task }) => (task?.status === 'completed' ? task : undefined));
  return (
    <section class="page" aria-labelledby="compare-title">
      <a class="quiet-link" href={linkTo('library')}>
        ← Library
      </a>
      <h1 id="compare-title">Compare two takes</h1>
      {found.map(({ error }, index) => (
        <Failure key={[first, second][index]} error={error} />
      ))}
      {found.some(({ isMissing }) => isMissing) && (
        <Notice tone="warn">
          <p>
            <strong>One of them is not here any more.</strong> Choose two others in the library.
          </p>
        </Notice>
      )}
      {a && b && <Comparison takes={[a, b]} />}
    </section>
  );
}

function Comparison({ takes: [a, b] }: { takes: [Task, Task] }) {
  const players = [usePlayer(a.id, durationOf(a)), usePlayer(b.id, durationOf(b))] as const;
  const heard = useSignal<0 | 1>(0);
  const current = players[heard.value];
  const other = players[heard.value === 0 ? 1 : 0];

  useEffect(() => {
    // Both at hand before the first switch, so that it makes no pause.
    void Promise.allSettled([audioAddress(a.id), audioAddress(b.id)]);
  }, [a.id, b.id]);

  function hear(which: 0 | 1): void {
    if (which === heard.value) return;
    heard.value = which;
    other.seek(current.audio.currentTime);
    if (!current.isOn()) return;
    // What sounds already goes on until the other does, so that there is no pause.
    if (current.audio.paused) current.pause();
    other.play();
  }

  useEffect(() => {
    const switchByKey = ({ key }: KeyboardEvent) => {
      if (key === 'a' || key === 'b') hear(key === 'a' ? 0 : 1);
    };
    document.addEventListener('keydown', switchByKey);
    return () => document.removeEventListener('keydown', switchByKey);
  });

  return (
    <div class="comparison">
      <div class="row">
        <button type="button" class="button primary" onClick={current.toggle}>
          <Icon name={current.isPlaying ? 'pause' : 'play'} />
          {current.isPlaying ? 'Pause' : 'Play'}
        </button>
        <fieldset class="segments">
          <legend class="unseen">Which one is heard</legend>
          {(['A', 'B'] as const).map((name, index) => (
            <label key={name}>
              <input
                type="radio"
                name="heard"
                checked={heard.value === index}
                onChange={() => hear(index === 0 ? 0 : 1)}
              />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
        <span class="soft small">
          Keys <kbd>a</kbd> and <kbd>b</kbd> switch
        </span>
      </div>
      <Side name="A" task={a} player={players[0]} isHeard={heard.value === 0} />
      <Side name="B" task={b} player={players[1]} isHeard={heard.value === 1} />
      <Differences takes={[a, b]} />
    </div>
  );
}

interface SideProps {
  name: string;
  task: Task;
  player: Player;
  isHeard: boolean;
}

function Side({ name, task, player, isHeard }: SideProps) {
  return (
    <article class={`card side ${isHeard ? 'is-heard' : ''}`} aria-label={`Take ${name}`}>
      <span class="side-name">{name}</span>
      <div class="take-words">
        <h3 dir="auto">{task.request.prompt}</h3>
        <p class="soft small">{factsOf(task)}</p>
      </div>
      <Waveform
        id={task.id}
        duration={durationOf(task)}
        name={`${name}: ${shortened(task.request.prompt, 40)}`}
        player={player}
        height={72}
      />
      <Failure error={player.error} />
    </article>
  );
}

const names = {
  prompt: 'Prompt',
  negative_prompt: 'Left out',
  duration: 'Length',
  model: 'Model',
  seed: 'Seed',
  temperature: 'Temperature',
  top_k: 'Top k',
  top_p: 'Top p',
  guidance_scale: 'Guidance',
} as const;

/** What was asked for differently. */
function Differences({ takes }: { takes: [Task, Task] }) {
  const [a, b] = takes.map(
    ({ request, result }): Partial<Record<string, unknown>> => ({
      ...request,
      ...result?.sampling,
      model: result?.model,
    }),
  );
  const different = (Object.keys(names) as (keyof typeof names)[]).filter((name) => a?.[name] !== b?.[name]);
  if (different.length === 0) return <p class="soft">Both were made from the same request and seed.</p>;
  return (
    <div class="table-box">
      <table>
        <caption>What differs</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">A</th>
            <th scope="col">B</th>
          </tr>
        </thead>
        <tbody>
          {different.map((name) => (
            <tr key={name}>
              <th scope="row">{names[name]}</th>
              <td dir="auto">{String(a?.[name] ?? '–')}</td>
              <td dir="auto">{String(b?.[name] ?? '–')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const durationOf = ({ request, result }: Task) => result?.duration ?? request.duration;
