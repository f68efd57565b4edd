import { render } from 'preact';
import { App } from './app.tsx';
import { watchFleet } from './fleet.ts';
import { watchTasks } from './tasks.ts';

watchTasks();
watchFleet();
const root = document.getElementById('studio');
if (root) render(<App />, root);

// Only where the browser trusts the address: TLS, or this machine.
if ('serviceWorker' in navigator) {
  navigator.serviceWorker.register('sw.js').catch(() => {
    // Without it the page needs the network to open; nothing else changes.
  });
}
