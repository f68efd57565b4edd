import { DockerfileParser, type Instruction } from 'dockerfile-ast';
import { readProjectFile } from './deploy-files.ts';

/** The instructions of the last stage, which is what runs, and of the whole file. */
async function readDockerfile(path: string) {
  const all = DockerfileParser.parse(await readProjectFile(path)).getInstructions();
  const lastFrom = all.findLastIndex((instruction) => instruction.getKeyword() === 'FROM');
  return { all, runtime: all.slice(lastFrom) };
}

function argumentsOf(instructions: Instruction[], keyword: string): string[] {
  return instructions
    .filter((instruction) => instruction.getKeyword() === keyword)
    .map((instruction) => instruction.getRawArgumentsContent() ?? '');
}

describe.each([
  ['Dockerfile.api', 'apps/api/dist/main.js', '8000'],
  ['Dockerfile.worker', 'apps/worker/dist/main.js', '9090'],
])('%s', (path, entry, port) => {
  test('builds in stages from one base image that can be chosen', async () => {
    const { all } = await readDockerfile(path);
    expect(all[0]?.getRawArgumentsContent()).toBe('NODE_IMAGE=node:24-bookworm-slim');
    expect(argumentsOf(all, 'FROM').length).toBeGreaterThan(2);
  });

  test('runs node itself, without root, in the exec form, and ends with SIGTERM', async () => {
    const { runtime } = await readDockerfile(path);
    expect(argumentsOf(runtime, 'USER')).toEqual(['1000:1000']);
    expect(argumentsOf(runtime, 'CMD')).toEqual([`["node", "${entry}"]`]);
    expect(argumentsOf(runtime, 'STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(argumentsOf(runtime, 'ENTRYPOINT')).toEqual([]);
  });

  test('knows the revision of its source, where the build is told', async () => {
    const { runtime } = await readDockerfile(path);
    expect(argumentsOf(runtime, 'ARG')).toContain('GIT_REVISION=unknown');
    expect(argumentsOf(runtime, 'ENV')).toContain('GIT_REVISION=$GIT_REVISION');
  });

  test('has a health check that needs no curl, and one port', async () => {
    const { runtime } = await readDockerfile(path);
    expect(argumentsOf(runtime, 'EXPOSE')).toEqual([port]);
    expect(argumentsOf(runtime, 'HEALTHCHECK')[0]).toContain(
      `CMD ["node", "healthcheck.js", "http://127.0.0.1:${port}/readyz"]`,
    );
  });

  test('carries no development packages into the image that runs', async () => {
    const { all, runtime } = await readDockerfile(path);
    expect(argumentsOf(all, 'RUN').some((command) => command.includes('npm ci --omit=dev'))).toBe(true);
    expect(argumentsOf(runtime, 'RUN').join('\n')).not.toContain('npm');
  });
});

test('the worker image has the embedded model, a volume for others, the command that fills it, and no foreign ONNX Runtime', async () => {
  const { all, runtime } = await readDockerfile('Dockerfile.worker');
  expect(argumentsOf(runtime, 'COPY')).toContain('models/musicgen-micro models/musicgen-micro');
  expect(argumentsOf(runtime, 'COPY')).toContain('/app/apps/cli apps/cli');
  expect(argumentsOf(runtime, 'RUN').join('\n')).toContain('/usr/local/bin/musicgen');
  expect(argumentsOf(runtime, 'VOLUME')).toEqual(['["/data/artifacts", "/app/models"]']);
  expect(argumentsOf(all, 'ARG')).toContain('CUDA=false');
  expect(argumentsOf(all, 'RUN').join('\n')).toContain('! -name linux');
});

test('the API image has the page, built', async () => {
  const { all, runtime } = await readDockerfile('Dockerfile.api');
  expect(argumentsOf(all, 'RUN').join('\n')).toContain('vite.js build apps/studio');
  expect(argumentsOf(runtime, 'COPY')).toContain('/app/apps/studio/dist/page apps/studio/dist/page');
});
