import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';

const apiSource = join(import.meta.dirname, 'apps', 'api', 'src');

/**
 * Fails a run in which all tests of the API passed and yet an answer that the OpenAPI document promises was given by none:
 * the tests write down what they exercise (`apps/api/src/openapi/test-setup.ts`), test files run in several processes.
 */
export default class ApiCoverage {
  onRunStart() {
    this.folder = mkdtempSync(join(tmpdir(), 'api-coverage-'));
    process.env.API_COVERAGE_FOLDER = this.folder;
  }

  onRunComplete(_contexts, { testResults }) {
    if (isWholeRun(testResults)) this.missing = unexercised(readLines(this.folder));
    rmSync(this.folder, { recursive: true });
    if (this.missing?.length > 0) console.error(this.getLastError().message);
  }

  getLastError() {
    if (!this.missing?.length) return undefined;
    return new Error(
      `Documented, and exercised by no test:\n${this.missing.map((line) => `  ${line}`).join('\n')}`,
    );
  }
}

/** A run of single tests shows nothing, and a failure is reported already. */
function isWholeRun(testResults) {
  const ran = new Map(testResults.map((result) => [result.testFilePath, result]));
  const expected = readdirSync(apiSource, { recursive: true }).filter((file) => file.endsWith('.test.ts'));
  return expected.every((file) => {
    const result = ran.get([apiSource, file].join(sep));
    return (
      result !== undefined && result.numFailingTests + result.numPendingTests === 0 && !result.testExecError
    );
  });
}

function readLines(folder) {
  const files = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  return files.flatMap((text) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
}

function unexercised(lines) {
  const exercised = new Set(lines.map((line) => line.exercised));
  const documented = new Set(lines.flatMap((line) => line.documented ?? []));
  return [...documented].filter((answer) => !exercised.has(answer)).sort();
}
