import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Failure, Notice } from '../notice.tsx';
import { operatorKey } from '../service.ts';
import { count, span } from '../words.ts';
import { DayChart, LatencyChart, ThroughputChart } from './charts.tsx';
import { DeadLetters } from './dead-letters.tsx';
import { type Desk, desk, deskError, isRefusal, watchDesk } from './desk.ts';
import { Queues } from './queues.tsx';
import { Workers } from './workers.tsx';

/** The desk of whoever runs the service. */
export function OperateView() {
  useEffect(watchDesk, []);
  const { value: error } = deskError;
  return (
    <section class="operate" aria-labelledby="operate-title">
      <div class="row spread wrap">
        <h1 id="operate-title">Operate</h1>
        {desk.value && <Health status={desk.value.health.status} />}
      </div>
      {isRefusal(error) ? <OperatorKeyForm error={error} /> : <Failure error={error} />}
      {desk.value && <OnDesk {...desk.value} />}
      {!desk.value && error === undefined && <p class="empty">Looking …</p>}
    </section>
  );
}

const verdicts = {
  healthy: { tone: 'good', text: 'Healthy' },
  degraded: { tone: 'warn', text: 'Needs a look' },
  unhealthy: { tone: 'bad', text: 'Unhealthy' },
} as const;

function Health({ status }: { status: keyof typeof verdicts }) {
  const { tone, text } = verdicts[status];
  return (
    <span class={`verdict tag tag-${tone}`} role="status">
      {text}
    </span>
  );
}

function OnDesk({ health, workers, advice, hour, letters, trends }: Desk) {
  return (
    <>
      {health.warnings.map((warning) => (
        <Notice key={warning} tone={health.status === 'unhealthy' ? 'bad' : 'warn'}>
          <p>{warning}</p>
        </Notice>
      ))}
      <dl class="tiles">
        <Tile name="Waiting" value={String(health.metrics.pending_tasks)} />
        <Tile name="Running" value={String(health.metrics.processing_tasks)} />
        <Tile name="Slots busy" value={`${workers.busy_slots} of ${workers.slots}`} />
        <Tile name="Done in the last hour" value={String(hour.completed_tasks)} />
        <Tile
          name="Succeeded"
          value={hour.completed_tasks + hour.failed_tasks === 0 ? '–' : percent(hour.success_rate)}
        />
        <Tile
          name="95 % made within"
          value={hour.completed_tasks === 0 ? '–' : span(hour.p95_processing_time)}
        />
      </dl>
      <div class="desk-columns">
        <Queues queues={health.queue_status} />
        <section class="panel advice" aria-labelledby="advice-title">
          <h2 id="advice-title">Advice</h2>
          <p class="advice-number">{count(advice.desired_replicas, 'worker')}</p>
          <p>
            {advice.reason} There {advice.workers === 1 ? 'is' : 'are'} {advice.workers} now
            {advice.backlog_seconds > 0 ? `, with ${span(advice.backlog_seconds)} of work before them` : ''}.
          </p>
        </section>
      </div>
      <Workers workers={workers.workers} />
      <div class="charts">
        <ThroughputChart />
        <LatencyChart />
        <DayChart trends={trends} />
      </div>
      <DeadLetters letters={letters} />
    </>
  );
}

function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div class="panel tile">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const percent = (share: number) => `${Number((share * 100).toFixed(1))} %`;

function OperatorKeyForm({ error }: { error: unknown }) {
  const text = useSignal('');
  return (
    <form
      class="panel operator-key"
      onSubmit={(event) => {
        event.preventDefault();
        operatorKey.value = text.value.trim();
      }}
    >
      <h2>Operating takes a key with the scope “admin”</h2>
      <p class="soft">It is kept in this tab alone and forgotten with it.</p>
      {operatorKey.value !== '' && <Failure error={error} />}
      <label class="field">
        <span>Operator's key</span>
        <input
          type="password"
          autocomplete="off"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
          }}
        />
      </label>
      <button type="submit" class="button primary">
        Use this key
      </button>
    </form>
  );
}
