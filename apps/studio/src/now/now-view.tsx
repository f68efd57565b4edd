import { linkTo } from '../route.ts';
import { unfinished } from '../tasks.ts';
import { count } from '../words.ts';
import { RunningList } from './running-list.tsx';

export function NowView() {
  const amount = unfinished.value.length;
  return (
    <section class="page narrow-page" aria-labelledby="now-title">
      <div class="row spread">
        <h1 id="now-title">Now</h1>
        <span class="soft">
          {amount === 0 ? 'Nothing is unfinished' : `${count(amount, 'task')} unfinished`}
        </span>
      </div>
      <RunningList />
      <p class="soft">
        <a href={linkTo('create')}>Make something</a> or look at{' '}
        <a href={linkTo('library')}>everything that is ready</a>.
      </p>
    </section>
  );
}
