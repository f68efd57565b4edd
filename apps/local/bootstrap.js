// Runs on a fresh clone, so it may use nothing but Node: installs the packages if they are missing, builds what is
// stale, then does what it was asked for:
//   node apps/local/bootstrap.js setup [--with-redis] | start | demo [--keep] [prompt] | settings | musicgen …
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const studio = join('apps', 'studio');
/** What the page is made of beside its own sources. */
const pagePackages = ['client', 'contract'].map((name) => join('packages', name, 'src'));
const [command = 'start', ...args] = process.argv.slice(2);

// npm moves to the root before it runs a script, and says where it was called.
const calledFrom = process.env.INIT_CWD ?? process.cwd();
requireNode([20, 19]);
process.chdir(root);
if (existsSync('.env')) process.loadEnvFile('.env');
if (packagesAreStale()) {
  console.error('Installing the packages (once).');
  // npm says where its own program is; without npm around us, the one on the PATH does.
  const npm = process.env.npm_execpath;
  if (npm) runOrExit(process.execPath, [npm, 'ci', '--include=dev', '--no-audit', '--no-fund']);
  else runOrExit('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
}
// The whole tree, tests included, is only checked where someone is about to test it.
const targets = { setup: '.', musicgen: join('apps', 'cli') };
const target = targets[command] ?? join('apps', 'local');
runOrExit(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-b', target]);
if (['setup', 'start', 'demo'].includes(command) && pageIsStale()) {
  runOrExit(process.execPath, [
    join('node_modules', 'vite', 'bin', 'vite.js'),
    'build',
    '--logLevel',
    'warn',
    studio,
  ]);
}
if (command === 'musicgen') {
  const { runMusicgen } = await import('../cli/dist/run.js');
  process.exitCode = await runMusicgen(args, { cwd: calledFrom });
} else {
  const { main } = await import('./dist/main.js');
  await main(command, args);
}

function requireNode([major, minor]) {
  const [ourMajor, ourMinor] = process.versions.node.split('.').map(Number);
  if (ourMajor > major || (ourMajor === major && ourMinor >= minor)) return;
  console.error(`Node ${major}.${minor} or newer is needed; this is ${process.version}.`);
  process.exit(1);
}

/** npm writes its own lock file into node_modules at the end of every install. */
function packagesAreStale() {
  const installed = join('node_modules', '.package-lock.json');
  return !existsSync(installed) || statSync(installed).mtimeMs < statSync('package-lock.json').mtimeMs;
}

/** Whether anything that the page is made of is newer than the page. */
function pageIsStale() {
  const page = join(studio, 'dist', 'page', 'index.html');
  if (!existsSync(page)) return true;
  const builtAt = statSync(page).mtimeMs;
  const isNewer = (path) =>
    statSync(path).isDirectory()
      ? readdirSync(path).some((name) => name !== 'dist' && isNewer(join(path, name)))
      : statSync(path).mtimeMs > builtAt;
  return ['package-lock.json', studio, ...pagePackages].some(isNewer);
}

function runOrExit(program, programArgs) {
  // Standard output is for what was asked for.
  const { status, error } = spawnSync(program, programArgs, { stdio: ['inherit', 2, 2] });
  if (error) console.error(`${program} could not be run: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
