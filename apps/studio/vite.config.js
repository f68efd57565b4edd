import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defaultClientConditions, defineConfig } from 'vite';

export default defineConfig({
  // Every URL is relative, so that a path prefix in front of the service does no harm.
  base: './',
  // Our packages as sources: the page can be built before them.
  resolve: { conditions: ['@musicgen/source', ...defaultClientConditions] },
  build: {
    outDir: 'dist/page',
    emptyOutDir: true,
    target: 'es2023',
    // The first that know light-dark(), which canvases read resolved.
    cssTarget: ['chrome123', 'firefox128', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  plugins: [serviceWorker(), compressed()],
});

/** Adds `sw.js`, which keeps the files of this very build so that the page opens while the service is away. */
function serviceWorker() {
  return {
    name: 'service-worker',
    generateBundle(_options, bundle) {
      const files = Object.keys(bundle).filter((name) => name.startsWith('assets/'));
      const version = createHash('sha256').update(files.sort().join()).digest('hex').slice(0, 12);
      const settings = `const version = '${version}';\nconst files = ${JSON.stringify(['./', ...files])};\n`;
      const source = readFileSync(new URL('service-worker.js', import.meta.url), 'utf8');
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: settings + source });
    },
  };
}

/** Writes what is text once more as `.br` and `.gz`, so that nobody compresses it at run time. */
function compressed() {
  return {
    name: 'compressed',
    writeBundle({ dir }, bundle) {
      const names = Object.keys(bundle).filter((name) => /^assets\/.*\.(js|css)$/.test(name));
      for (const path of names.map((name) => join(dir, name))) {
        const text = readFileSync(path);
        writeFileSync(`${path}.br`, brotliCompressSync(text));
        writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
      }
    },
  };
}
